// fill_inbox FILE TARGET FIRST COUNT: adds COUNT waiting events, numbered from FIRST, for TARGET to
// the inbox FILE, which may not exist yet; no host may have it. Uses the inbox's own tables, in
// large commits: a million events in seconds, which the gate would take minutes for.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench_event.h"
#include "host/base/clock.h"
#include "host/event/event.h"
#include "host/inbox/database.h"
#include "host/inbox/inbox_file.h"
#include "host/inbox/inbox_schema.h"
#include "host/inbox/inbox_tables.h"

namespace modhost::bench {
namespace {

constexpr std::uint64_t kCommitEvents = 20'000;
constexpr int kBusyMs = 5'000;
constexpr std::int64_t kNoLimit = INT64_MAX;

class Filler {
 public:
  Filler(const std::string& path, std::string target)
      : database_(path, "", kBusyMs), targets_{std::move(target)} {
    database_.run("PRAGMA journal_mode = WAL");
    database_.run("PRAGMA synchronous = NORMAL");
    database_.run("PRAGMA cache_size = -262144");
    if (const auto migrated = host::migrateInbox(database_); !migrated) {
      throw std::runtime_error(migrated.error().message);
    }
    tables_ = std::make_unique<host::InboxTables>(database_, clock_,
                                                  host::InboxTables::Limits{kNoLimit, false});
  }

  void add(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t done = 0; done < count; done += kCommitEvents) {
      addSome(first + done, std::min(kCommitEvents, count - done));
    }
    database_.checkpoint(true);
  }

 private:
  void addSome(std::uint64_t first, std::uint64_t count) {
    database_.run("BEGIN IMMEDIATE");
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto event = host::parseEvent(userMessageBody(first + i), clock_.wallNow());
      const auto stored = tables_->accept(*event.value().event, targets_, false);
      if (!stored) throw std::runtime_error(stored.error().message);
    }
    tables_->beforeCommit();
    database_.run("COMMIT");
    tables_->committed();
  }

  host::SystemClock clock_;
  host::Database database_;
  std::unique_ptr<host::InboxTables> tables_;
  const std::vector<host::Target> targets_;
};

}  // namespace
}  // namespace modhost::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: fill_inbox FILE TARGET FIRST COUNT\n");
    return 2;
  }
  try {
    const auto file = modhost::host::InboxFile::open(argv[1]);
    if (!file) throw std::runtime_error(file.error().message);
    modhost::bench::Filler filler(argv[1], argv[2]);
    filler.add(std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fill_inbox: %s\n", error.what());
    return 1;
  }
  return 0;
}
