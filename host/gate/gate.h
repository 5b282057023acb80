// Gate: what one epoll thread does that owns every connection while its bytes are coming in. It
// accepts, reads, bounds and times; only a request that is here to its last byte is handed to a
// server thread, so that a stranger who drips bytes costs a little memory for a little while and
// never a thread. The thread is the server's accept loop, so that no request is handed over twice; a server
// thread that has passed its connection on takes the next one itself. Knows nothing of Poco (gate_socket.h
// joins the two).
//
// The life of a connection:
//
//   accepted ─▶ reading ─whole─▶ ready ─take(), next()─▶ with a server thread ─giveBack()─▶ idle ─byte─▶
//   reading …
//                  │ refused, late                                   └──────────▶ lingering ─▶
//                  closed └──────────────▶ lingering
//
// Lingering: after the last answer our side is shut, and what still arrives is thrown away until
// the peer closes or a second has passed; closing at once would reset the connection and could take
// the answer along.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "host/base/clock.h"
#include "host/base/fd.h"
#include "host/base/log_budget.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/gate/request_scanner.h"

namespace modhost::host {

// Why a request never reaches a server thread.
enum class Refusal {
  kMalformed = 1,  // not HTTP as the scanner reads it
  kHeadTooLarge,
  kBodyTooLarge,
  kReadTimeout,  // it was not here in time
  kOverloaded,   // connections_max or buffered_bytes_max is reached
  kDraining,
};

// Gives the whole response, head and body, which says that the connection ends; what counts refusals.
// Called on the accept loop's thread.
using Refuse = std::function<std::string(Refusal)>;

struct GateMetrics {
  // `port`: the value of their label of that name.
  GateMetrics(Metrics& metrics, std::string port);

  const std::string port;

  Gauge connections, buffered;
  Counter pauses;
};

struct GateLimits {
  RequestLimits request;
  // Of all connections together. The memory behind it is up to three times that: a buffer grows by
  // doubling, and an event's body stands beside its connection's buffer until the inbox reports.
  std::size_t buffered_bytes_max = 0;
  std::size_t connections_max = 0;
  Milliseconds
      read_timeout{};  // a request's first byte (or the accept) to its last byte; never extended
  Milliseconds write_timeout{};  // for the peer to take one whole answer; see GateSocket
  Milliseconds stop_timeout{};   // stop() waits so long for answers, and nobody does longer
  Milliseconds idle_timeout{};   // a kept connection without a byte
  int send_buffer_bytes = 0;     // what the kernel holds of a connection's answers; 0: its default
  std::size_t threads = 4;       // server threads: requests handled at once
};

// Belongs to whoever holds it; the gate does not touch one that was taken.
class Connection {
 public:
  Connection(Fd fd, const sockaddr_storage& peer, socklen_t peer_bytes, const RequestLimits& limits)
      : fd_(std::move(fd)), peer_(peer), peer_bytes_(peer_bytes), scanner_(limits) {}

  int fd() const { return fd_.get(); }
  // The one whole request of a connection that was taken.
  std::string_view request() const {
    return std::string_view(in_).substr(0, scanner_.requestBytes());
  }
  const sockaddr* peer() const { return reinterpret_cast<const sockaddr*>(&peer_); }
  socklen_t peerBytes() const { return peer_bytes_; }

 private:
  friend class Gate;
  using List = std::list<std::unique_ptr<Connection>>;

  Fd fd_;
  sockaddr_storage peer_;
  socklen_t peer_bytes_;
  std::string in_;  // received and not yet answered; may hold the beginning of the next request
  RequestScanner scanner_;
  bool continue_sent_ = false;
  SteadyTime deadline_{};
  List* list_ = nullptr;  // where it stands, and in which list; the gate's alone
  List::iterator place_;
};

// Threads: waitReady() and take() for one, a server's accept loop; taken(), next() and leave() for server threads;
// giveBack() and stop() for any.
class Gate {
 public:
  // `listener` is non-blocking, listens, and stays the caller's; it must outlive this. `shared`:
  // somebody else holds it too, and goes on listening when this stops.
  Gate(Clock& clock, const GateMetrics& metrics, Refuse refuse, const GateLimits& limits,
       int listener, bool shared = false);

  // Serves connections for at most `timeout` of real time, until a request is ready that needs one server
  // thread more. That one is to be taken first; meanwhile nobody is served.
  // Without memory for it the process ends: Poco would end the loop without a word, and the host would
  // be deaf, stop() included.
  bool waitReady(Milliseconds timeout) noexcept;
  // After waitReady() said so: a connection whose request is ready, for a server thread that stays until
  // it says leave(). The connection must come back, at the latest before this is destroyed.
  std::unique_ptr<Connection> take();
  // The server thread that the connection of a take() is for has it; once for each.
  void taken();
  // Another one for a server thread that has passed on the one before; waits for at most `timeout` of real
  // time. Null: none came, the gate has stopped, or what take() gave waits for a thread that did not come
  // (the system had none left): this one is to look for it where it waits.
  std::unique_ptr<Connection> next(Milliseconds timeout);
  // A server thread wants no other; each that came by take() says so once.
  void leave();

  enum class After { kKeep = 1, kEnd, kBroken };
  // kKeep: answered, may send another request. kEnd: answered, close. kBroken: close without
  // ceremony.
  // `answer`, if any, is sent by the gate first, in one piece: a peer whose buffer cannot take it has
  // read none of many answers, and is closed.
  void giveBack(std::unique_ptr<Connection> connection, After after, std::string answer = {});

  // Refuses connections (those at a shared listener wait for who comes next), refuses
  // half-read requests, waits for the taken ones to come back (no longer than stop_timeout) and
  // closes everything. The accept loop must run, and go on until this returns.
  void stop();
  // stop() has ended: from now on nobody waits for a peer to take an answer.
  bool isOver() const { return over_; }

 private:
  struct Returned {
    std::unique_ptr<Connection> connection;
    After after;
    std::string answer;
  };
  using Owned = std::unique_ptr<Connection>;

  // All of these run on the accept loop's thread.
  void turn(Milliseconds timeout);
  void showReady();
  bool needsThread();
  void waitForEvents(Milliseconds timeout);
  void acceptAll();
  void acceptOne(Fd fd, const sockaddr_storage& peer, socklen_t peer_bytes);
  void pauseAccepting();
  void resumeAccepting();
  void onReadable(Connection& connection);
  bool readOnce(Connection& connection);
  bool advance(Connection& connection);
  void discard(Connection& connection);
  void takeBack();
  void serveNext(Owned connection);
  void handOver(Owned connection);
  void refuse(Connection& connection, Refusal why);
  void linger(Owned connection);
  void giveUpOn(Connection& reading, Refusal why);
  void reap();
  void reapList(Connection::List& list);
  void beginStop();
  bool isFinished() const;
  void finish();

  void enter(Owned connection, Connection::List& list, Milliseconds timeout);
  Owned leave(Connection& connection);
  void close(Owned connection);
  void arm(Connection& connection);
  void watch(int fd, void* tag) const;
  void wake() const;
  int msUntilTick(Milliseconds timeout) const;
  // Any thread.
  Owned takeReady() REQUIRES(mutex_);
  bool lacksThread() const REQUIRES(mutex_);
  std::chrono::steady_clock::time_point threadLateAt() const REQUIRES(mutex_);
  void wakeAnother() REQUIRES(mutex_);

  // Set in the constructor.
  Clock& clock_;
  const Refuse refuse_;
  const GateLimits limits_;
  const int listener_;
  const bool shared_;
  Fd epoll_, wake_;
  GateMetrics metrics_;

  // The accept loop's thread only.
  Connection::List reading_, idle_, lingering_;  // each by deadline, the earliest first
  std::vector<Owned> whole_;                     // of this turn; ready at its end
  Owned taken_;                                  // what take() gives
  std::size_t open_ = 0;      // all connections, those with server threads included
  std::size_t away_ = 0;      // ready or with a server thread
  std::size_t buffered_ = 0;  // bytes in all in_ buffers
  bool accepting_ = true;
  SteadyTime accept_again_at_{};  // while it does not
  LogBudget pause_lines_;
  bool stop_begun_ = false;
  SteadyTime stop_deadline_{};

  std::atomic<bool> stopping_{false}, over_{false};
  Mutex mutex_;
  CondVar finished_changed_;
  CondVar ready_changed_;  // for next()
  std::deque<Owned> ready_ GUARDED_BY(mutex_);
  std::size_t threads_ GUARDED_BY(mutex_) = 0;  // that have not left
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;  // of them in next()
  std::size_t handed_ GUARDED_BY(mutex_) = 0;   // by take(), and not yet taken()
  std::chrono::steady_clock::time_point handed_since_ GUARDED_BY(mutex_){};
  bool waking_ GUARDED_BY(mutex_) = false;  // one of those is on its way
  std::vector<Returned> returned_ GUARDED_BY(mutex_);
  bool finished_ GUARDED_BY(mutex_) = false;
};

}  // namespace modhost::host
