// RecordingPlatform: the Unique API as a real HTTP/1.1 server on loopback, with a free port, that
// remembers every request in order and every row the requests made. It serves unit tests of the
// platform client and system tests that drive the real binary. What it answers can be scripted per
// call: statuses, bodies that are not JSON, replies held until the test lets go, and connections
// cut at any of the bad moments.
//
// Threads: every method from any thread. One thread per connection serves it, so hundreds of
// keep-alive connections cost memory only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/clock.h"
#include "host/base/fd.h"
#include "host/base/mutex.h"
#include "host/base/thread.h"

namespace modhost::host {

struct RecordedCall {
  std::string method;
  std::string path;   // below the API base, as it came (ids still encoded), without the query
  std::string query;  // after the '?'
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  nlohmann::json json;  // the parsed body; null when it is empty or no JSON
  SteadyTime at{};      // when its head had been read
  std::string fault;    // what a script did to it, e.g. "503" or "cut after handling"
};

struct MessageLogRow {
  std::string id;
  std::string message_id;
  std::int64_t order = 0;
  std::string text;                   // the latest
  std::vector<std::string> statuses;  // in order; the last one is what the chat shows
};

struct MessageRow {
  std::string id;
  std::string chat_id;
  nlohmann::json text;                  // null until written
  std::vector<nlohmann::json> patches;  // bodies of its PATCHes, in order
  nlohmann::json user_aborted_at = nullptr;
};

// Holds calls back until the test lets go.
class Hold {
 public:
  // Lets every held call go on, and all that come later.
  void release();
  // True when `count` calls have come to the hold; false after the safety limit.
  bool waitForArrivals(int count = 1);
  // Calls that have come so far.
  int arrived();

 private:
  friend class RecordingPlatform;
  void pass();

  Mutex mutex_;
  CondVar changed_;
  int arrived_ GUARDED_BY(mutex_) = 0;
  bool released_ GUARDED_BY(mutex_) = false;
};

// Which calls a script is for. Empty members match everything.
struct CallMatch {
  std::string method = {};
  std::string path_prefix = {};
  int nth = 0;               // 0: every match; n: the nth match counted from script()
  std::string company = {};  // x-company-id
};

// What happens to a matched call instead of, or around, the endpoint's own answer.
struct CallScript {
  enum class Cut {
    kNone = 1,
    kBeforeReading,  // after the head; the body stays unread and nothing is done
    kAfterHandling,  // the endpoint has done its work; the reply is never written
    kMidReply,       // likewise, and half of the reply is written
  };
  int status = 0;        // 0: the endpoint answers; else the endpoint is not asked
  bool handled = false;  // with `status`: the endpoint has done its work, as behind a gateway's 504
  std::string body = {};  // with `status`
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  Cut cut = Cut::kNone;
  std::shared_ptr<Hold> hold = nullptr;  // before the endpoint does anything
  bool hold_reply = false;  // `hold` applies after the endpoint has done its work instead
  Milliseconds latency{};   // real time before the reply
};

class RecordingPlatform {
 public:
  // Listens on 127.0.0.1 at a free port. Throws std::system_error when it cannot.
  RecordingPlatform();
  // Releases every hold, cuts every connection, joins every thread.
  ~RecordingPlatform();
  RecordingPlatform(const RecordingPlatform&) = delete;
  RecordingPlatform& operator=(const RecordingPlatform&) = delete;

  int port() const { return port_; }
  // "http://127.0.0.1:<port>/public/chat-gen2"
  std::string apiBase() const;

  // The newest script that matches a call is the one applied.
  void script(CallMatch match, CallScript script);
  // A script that holds matching calls; the platform releases it in its destructor at the latest.
  std::shared_ptr<Hold> hold(CallMatch match, bool hold_reply = false);
  void clearScripts();
  // Asked for each call that no script is for; from any connection's thread, several at once.
  using Decide = std::function<CallScript(const RecordedCall&)>;
  void decideOtherwise(Decide decide);
  // What a search answers (default: three documents) and what a completion says.
  void setSearchResults(std::vector<nlohmann::json> results);
  void setCompletion(nlohmann::json content);

  // The user presses stop while this message is being answered.
  void pressStop(const std::string& message_id);

  std::vector<RecordedCall> calls() const;
  std::size_t callCount(const std::string& method = "", const std::string& path_prefix = "") const;
  std::vector<MessageLogRow> rows() const;  // in the order of creation
  std::vector<MessageLogRow> rowsOf(const std::string& message_id) const;
  std::vector<MessageRow> messages() const;
  std::optional<MessageRow> message(const std::string& id) const;

  // Connections accepted so far.
  int accepts() const { return accepts_.load(); }
  // Rows made whose reply it cut, or put another in the place of, by script.
  int cutCreates() const { return cut_creates_.load(); }
  // Rows made whose reply was written although the client had gone (or went without reading it).
  int unheardCreates() const { return unheard_creates_.load(); }
  // Rows made whose reply was read, as the last on its connection: a client that was killed then
  // may not have taken note of it.
  int lastWordCreates() const { return last_word_creates_.load(); }

  // Waits until `reached` holds, re-checked after each request; false after a generous safety
  // limit. `reached` runs without a lock held and may call every method here.
  bool waitFor(const std::function<bool()>& reached) const;

 private:
  struct Connection;
  struct Rule {
    CallMatch match;
    CallScript script;
    int seen = 0;
  };
  struct Reply {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers = {};
  };

  void acceptLoop();
  void serve(Connection& connection);
  bool serveOne(Connection& connection);
  bool answer(Connection& connection, const RecordedCall& call, const CallScript& script);
  bool writeReply(Connection& connection, const Reply& reply, bool half);
  void reap();
  CallScript scriptFor(const RecordedCall& call);
  void remember(RecordedCall call);
  void changed() const;

  Reply handle(const RecordedCall& call);
  Reply createRow(const RecordedCall& call) REQUIRES(mutex_);
  Reply patchRow(const std::string& id, const nlohmann::json& body) REQUIRES(mutex_);
  Reply createMessage(const nlohmann::json& body) REQUIRES(mutex_);
  Reply patchMessage(const std::string& id, const nlohmann::json& body) REQUIRES(mutex_);
  Reply getMessage(const std::string& id) REQUIRES(mutex_);
  Reply listMessages(const std::string& query) REQUIRES(mutex_);
  Reply complete(const nlohmann::json& body) REQUIRES(mutex_);
  Reply stream(const nlohmann::json& body) REQUIRES(mutex_);
  MessageRow& messageRow(const std::string& id) REQUIRES(mutex_);

  // Constant after construction.
  int port_ = 0;  // before listener_, whose making finds it
  Fd listener_;

  // Synchronise themselves.
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepts_{0}, cut_creates_{0}, unheard_creates_{0}, last_word_creates_{0};

  mutable Mutex mutex_;
  mutable CondVar changed_;
  mutable std::uint64_t version_ GUARDED_BY(mutex_) = 0;
  std::vector<Rule> rules_ GUARDED_BY(mutex_);
  Decide decide_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Hold>> holds_ GUARDED_BY(mutex_);
  std::vector<RecordedCall> calls_ GUARDED_BY(mutex_);
  std::vector<MessageLogRow> rows_ GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> row_by_id_ GUARDED_BY(mutex_);
  std::vector<MessageRow> messages_ GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> message_by_id_ GUARDED_BY(mutex_);
  std::vector<nlohmann::json> search_results_ GUARDED_BY(mutex_);
  nlohmann::json completion_ GUARDED_BY(mutex_);
  std::list<std::unique_ptr<Connection>> connections_ GUARDED_BY(mutex_);

  Thread acceptor_;
};

}  // namespace modhost::host
