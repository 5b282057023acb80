// The implementations that keep Inbox's promises, each as a fixture: an inbox on a clock that the
// test moves, which can be killed and started again at any moment.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/base/metrics.h"
#include "host/inbox/sqlite_inbox.h"
#include "tests/support/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_inbox.h"
#include "tests/support/temp_folder.h"

namespace modhost::host {

inline EventPtr eventNamed(const std::string& id, WallTime received_at,
                           const std::string& company = "202") {
  Result<ParsedEvent> parsed =
      parseEvent(chosenEventBody(id, "Which fees apply?", "chat_aa11", company), received_at);
  MODHOST_ASSERT(parsed.ok());
  return parsed.value().event;
}

struct MeansSettings {
  std::int64_t waiting_max = 1'000'000;
  std::size_t in_memory = 4'096;
};

class MemoryMeans {
 public:
  explicit MemoryMeans(MeansSettings settings = {}) : inbox_(clock_, {settings.waiting_max}) {}

  FakeClock& clock() { return clock_; }
  Inbox& inbox() { return inbox_; }
  DeadLetters& letters() { return inbox_; }
  MemoryInbox& model() { return inbox_; }
  void restart() { inbox_.restart(); }

 private:
  FakeClock clock_;
  MemoryInbox inbox_;
};

class SqliteMeans {
 public:
  explicit SqliteMeans(MeansSettings settings = {}) : means_(settings) { open(); }

  FakeClock& clock() { return clock_; }
  Inbox& inbox() { return *inbox_; }
  DeadLetters& letters() { return *inbox_; }
  SqliteInbox& sqlite() { return *inbox_; }
  Metrics& metrics() { return *metrics_; }

  // SIGKILL and a new start: the files are copied as they are while the inbox is open, and opened
  // elsewhere. No checkpoint runs meanwhile, as the clock stands still.
  void restart() {
    MODHOST_ASSERT(inbox_->openDeliveries(0).ok());  // what was settled has been committed
    const std::string before = path();
    ++life_;
    for (const char* part : {"", "-wal"}) {
      std::filesystem::copy_file(before + part, path() + part);
    }
    inbox_.reset();
    open();
  }

  std::string path() const { return folder_.file("inbox" + std::to_string(life_) + ".db"); }

 private:
  void open() {
    metrics_ = std::make_unique<Metrics>();
    SqliteInboxSettings settings;
    settings.path = path();
    settings.waiting_max = means_.waiting_max;
    settings.in_memory = means_.in_memory;
    settings.disk_free_min_bytes = 0;
    settings.checkpoint_period = std::chrono::hours(24);
    Result<std::unique_ptr<SqliteInbox>> opened = SqliteInbox::open(settings, clock_, *metrics_);
    MODHOST_ASSERT(opened.ok());
    inbox_ = opened.take();
  }

  const MeansSettings means_;
  TempFolder folder_;
  int life_ = 1;
  FakeClock clock_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<SqliteInbox> inbox_;
};

}  // namespace modhost::host
