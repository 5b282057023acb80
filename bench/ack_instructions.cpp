// ack_instructions: verifies, parses, routes and stores a fixed number of events on one thread, in
// commits of a fixed size, over a memory VFS. Run under callgrind with --instr-atstart=no, it
// counts the instructions of exactly that; the machine, its load and its disk have no part in the
// number.
//
// What it leaves out, as it depends on timing: the gate, Poco, the hand-over between threads.
#include <sqlite3.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/bench_event.h"
#include "bench/memory_vfs.h"
#include "host/base/clock.h"
#include "host/event/event.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox_schema.h"
#include "host/inbox/inbox_tables.h"
#include "host/ingress/signature.h"
#include "host/routes/route_table.h"

namespace modhost::bench {
namespace {

constexpr std::uint64_t kWarmUp = 512;
constexpr std::uint64_t kMeasured = 4'096;
constexpr std::uint64_t kCommitEvents = 32;  // what shares a commit at 64 connections
constexpr std::int64_t kWaitingMax = 1'000'000;
constexpr int kBusyMs = 0;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "ack_instructions: %s\n", what);
  std::exit(1);
}

// A time that does not move: it stands in every row, and SQLite stores a larger number in more
// bytes.
class StillClock final : public host::Clock {
 public:
  host::WallTime wallNow() const override { return host::WallTime(host::Milliseconds(kNowMs)); }
  host::SteadyTime steadyNow() const override { return {}; }
  void waitUntil(host::CondVar&, host::Mutex&, host::SteadyTime) override {}

 private:
  static constexpr std::int64_t kNowMs = 1'767'225'600'000;
};

struct Post {
  host::SignatureHeaders headers;
  std::string body;
};

std::vector<Post> makePosts(std::uint64_t first, std::uint64_t count) {
  const host::HmacKey key{kBenchSecret};
  std::vector<Post> posts;
  for (std::uint64_t i = first; i < first + count; ++i) {
    std::string body = userMessageBody(i);
    posts.push_back({{{host::hex(key.sign(body))}, {"1767225600"}}, std::move(body)});
  }
  return posts;
}

host::RouteTable routes() {
  return host::RouteTable({{"unique.chat.external-module.chosen", {}, {"rag-responder"}},
                           {"unique.chat.user-message.created", {}, {"message-logger"}}});
}

class AckPath {
 public:
  AckPath() : database_("/inbox.db", kMemoryVfs, kBusyMs) {
    database_.run("PRAGMA locking_mode = EXCLUSIVE");
    if (database_.ask("PRAGMA journal_mode = WAL") != "wal") fail("no WAL on the memory VFS");
    for (const char* pragma :
         {"synchronous = FULL", "wal_autocheckpoint = 0", "temp_store = MEMORY",
          "cache_size = -8192", "secure_delete = FAST"}) {
      database_.run(std::string("PRAGMA ") + pragma);  // as SqliteInbox sets them
    }
    if (!host::migrateInbox(database_)) fail("the schema");
    tables_ = std::make_unique<host::InboxTables>(database_, clock_,
                                                  host::InboxTables::Limits{kWaitingMax, false});
  }

  void take(std::vector<Post>& posts) {
    for (std::size_t i = 0; i < posts.size(); i += kCommitEvents) {
      database_.run("BEGIN IMMEDIATE");
      for (std::size_t k = i; k < i + kCommitEvents; ++k) takeOne(posts[k]);
      tables_->beforeCommit();
      database_.run("COMMIT");
      tables_->committed();
    }
  }

 private:
  void takeOne(Post& post) {
    const host::WallTime now = clock_.wallNow();
    if (signature_.verify(post.headers, post.body, now) != host::SignatureVerdict::kVerified) {
      fail("a signature");
    }
    const auto parsed = host::parseEvent(std::move(post.body), now);
    if (!parsed) fail("an event");
    const auto targets = routes_.get()->targets(*parsed.value().event);
    if (!tables_->accept(*parsed.value().event, targets, false)) fail("the inbox");
  }

  StillClock clock_;
  const host::SignatureCheck signature_{{kBenchSecret}, host::Milliseconds(300'000)};
  const host::CurrentRoutes routes_{std::make_shared<const host::RouteTable>(routes())};
  host::Database database_;
  std::unique_ptr<host::InboxTables> tables_;
};

void run() {
  registerMemoryVfs();
  std::vector<Post> warm_up = makePosts(0, kWarmUp);
  std::vector<Post> measured = makePosts(kWarmUp, kMeasured);
  AckPath path;
  path.take(warm_up);
  CALLGRIND_START_INSTRUMENTATION;
  path.take(measured);
  CALLGRIND_STOP_INSTRUMENTATION;
  std::printf("acks %llu\n", static_cast<unsigned long long>(kMeasured));
  std::printf("compiler %s, SQLite %s\n", MODHOST_BENCH_COMPILER, sqlite3_libversion());
}

}  // namespace
}  // namespace modhost::bench

int main() { modhost::bench::run(); }
