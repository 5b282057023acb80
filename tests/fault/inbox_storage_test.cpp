// What an inbox keeps of its promises when the disk below it fails.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/contract/inbox_means.h"
#include "tests/support/eventually.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/inbox_books.h"

namespace modhost::host {
namespace {

using To = Settlement::To;

constexpr Milliseconds kCheckpointPeriod{200};

class InboxOnFaultyDisk {
 public:
  InboxOnFaultyDisk() { open(); }

  Result<Accepted> accept(const std::string& id) {
    return inbox_->accept(eventNamed(id, clock_.wallNow()), std::vector<Target>{"a"});
  }
  // Opens what is on disk now, with no memory of what came before, on a disk that works.
  void reopenAfterCrash(std::int64_t wal_bytes_max = -1) {
    const std::string image = folder_.file("image.db");
    std::filesystem::copy_file(path(), image);
    std::filesystem::copy_file(path() + "-wal", image + "-wal");
    if (wal_bytes_max >= 0) {
      std::filesystem::resize_file(image + "-wal", static_cast<std::uintmax_t>(wal_bytes_max));
    }
    inbox_.reset();
    name_ = "image.db";
    open();
  }
  void closeOnly() { inbox_.reset(); }
  // Closes and opens the same file.
  void reopen() {
    inbox_.reset();
    open();
  }
  // Lets the checkpoint thread come by; false: it did not finish one, as it failed.
  bool checkpoint() { return checkpointSince(disk.databaseSyncs()); }
  // One may have come already since `before` was read.
  bool checkpointSince(int before) {
    // Further with each look, as the thread may still be on its way back from the one before.
    eventually([&] {
      clock_.advance(kCheckpointPeriod);
      return disk.databaseSyncs() > before || disk.failed() || failures() > 0;
    });
    return disk.databaseSyncs() > before;
  }
  int failures() const { return failures_; }
  void checkBooks() { host::checkBooks(path()); }
  bool knows(const std::string& id) {
    Result<Accepted> again = accept(id);
    return !again.ok() && again.error().kind == ErrorKind::kDuplicate;
  }

  Result<std::unique_ptr<SqliteInbox>> tryOpen() {
    SqliteInboxSettings settings;
    settings.path = path();
    settings.vfs = disk.name();
    settings.disk_free_min_bytes = 0;
    settings.checkpoint_period = kCheckpointPeriod;
    return SqliteInbox::open(settings, clock_, metrics_);
  }

  FaultyVfs disk;
  SqliteInbox& inbox() { return *inbox_; }
  FakeClock& clock() { return clock_; }

 private:
  std::string path() const { return folder_.file(name_); }
  void open() {
    Result<std::unique_ptr<SqliteInbox>> opened = tryOpen();
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    inbox_ = opened.take();
    inbox_->onFailure([this](const Error&) { ++failures_; });
  }

  TempFolder folder_;
  std::string name_ = "inbox.db";
  FakeClock clock_;
  Metrics metrics_;
  std::atomic<int> failures_{0};
  std::unique_ptr<SqliteInbox> inbox_;
};

// A short life with everything in it, a checkpoint included. The ids that were acknowledged; it
// goes on whatever fails.
std::vector<std::string> live(InboxOnFaultyDisk& on) {
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 12; ++i) {
    const std::string id = "e" + std::to_string(i);
    const Result<Accepted> accepted = on.accept(id);
    if (!accepted.ok()) continue;
    acknowledged.push_back(id);
    const DeliveryKey key{accepted.value().seq, "a"};
    if (i % 3 == 0 && on.inbox().begin(std::vector<Begin>{{key, false}}).ok()) {
      on.inbox().settle({{key, i % 2 == 0 ? To::kDone : To::kDead, End::kFailed, {}, "why"}});
    }
    if (i % 5 == 4) on.checkpoint();
  }
  return acknowledged;
}

void checkNothingLost(InboxOnFaultyDisk& on, const std::vector<std::string>& acknowledged) {
  on.checkBooks();
  for (const std::string& id : acknowledged) CHECK_MESSAGE(on.knows(id), id, " is lost");
}

void checkFailedForGood(InboxOnFaultyDisk& on, const Result<Accepted>& failed,
                        const std::vector<Error>& told) {
  REQUIRE(!failed.ok());
  CHECK(failed.error().kind == ErrorKind::kCorrupt);
  const Result<Accepted> later = on.accept("later");
  REQUIRE(!later.ok());
  CHECK(later.error().kind == ErrorKind::kCorrupt);
  CHECK(told.size() == 1);
}

}  // namespace

TEST_SUITE("inbox storage") {
  TEST_CASE("inbox: a failed fsync refuses all later writes and loses nothing acknowledged") {
    InboxOnFaultyDisk on;
    std::vector<Error> told;
    on.inbox().onFailure([&](const Error& error) { told.push_back(error); });
    for (int i = 0; i < 5; ++i) REQUIRE(on.accept("e" + std::to_string(i)).ok());

    SUBCASE("fsync") { on.disk.failSync(1); }
    SUBCASE("write") { on.disk.failWrite(1); }
    const Result<Accepted> failed = on.accept("unlucky");
    checkFailedForGood(on, failed, told);
    on.reopenAfterCrash();

    for (int i = 0; i < 5; ++i) CHECK(on.knows("e" + std::to_string(i)));
    CHECK(on.accept("later").ok());
  }

  TEST_CASE("inbox: whichever call of the disk fails nothing acknowledged is lost") {
    const std::vector<std::pair<DiskFile, DiskCall>> calls = {
        {DiskFile::kWal, DiskCall::kSync},      {DiskFile::kWal, DiskCall::kWrite},
        {DiskFile::kWal, DiskCall::kTornWrite}, {DiskFile::kWal, DiskCall::kRead},
        {DiskFile::kDatabase, DiskCall::kSync}, {DiskFile::kDatabase, DiskCall::kWrite},
        {DiskFile::kDatabase, DiskCall::kRead}, {DiskFile::kDatabase, DiskCall::kTornWrite}};
    for (const auto& one : calls) {
      const DiskFile file = one.first;
      const DiskCall call = one.second;
      int nth = 0;
      for (bool hit = true; hit;) {
        InboxOnFaultyDisk on;
        on.disk.fail(file, call, nth += 1 + nth / 4);
        const std::vector<std::string> acknowledged = live(on);
        hit = on.disk.failed();
        INFO("file ", static_cast<int>(file), ", call ", static_cast<int>(call), ", nth ", nth);
        if (hit) CHECK(eventually([&] { return on.failures() == 1; }));
        if (!hit) CHECK(acknowledged.size() == 12);
        on.disk.mend();
        if (nth % 2 == 0) on.reopenAfterCrash();
        if (nth % 2 != 0) on.reopen();
        checkNothingLost(on, acknowledged);
        CHECK(on.accept("later").ok());
      }
      MESSAGE("file ", static_cast<int>(file), ", call ", static_cast<int>(call), ": ", nth - 1);
    }
  }

  TEST_CASE("inbox: after a failed fsync nothing is copied out of that WAL by this process") {
    InboxOnFaultyDisk on;
    REQUIRE(on.accept("one").ok());
    on.disk.failSync(1);
    REQUIRE(!on.accept("two").ok());
    const int before = on.disk.databaseSyncs();

    on.checkpoint();
    on.closeOnly();

    CHECK(on.disk.databaseSyncs() == before);
    on.reopen();
    CHECK(on.knows("one"));
  }

  TEST_CASE("inbox: a file system that becomes read-only stops the inbox for good") {
    InboxOnFaultyDisk on;
    REQUIRE(on.accept("one").ok());
    on.disk.setReadOnly(true);
    SUBCASE("noticed by an accept") {}
    SUBCASE("noticed by a checkpoint") { CHECK(!on.checkpoint()); }

    const Result<Accepted> refused = on.accept("two");

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kCorrupt);
    CHECK_MESSAGE(refused.error().message.find("Read-only file system") != std::string::npos,
                  refused.error().message);
    CHECK(eventually([&] { return on.failures() == 1; }));
    on.disk.setReadOnly(false);
    on.reopen();
    checkNothingLost(on, {"one"});
  }

  TEST_CASE("inbox: a WAL that starts over and grows to the same size again is copied again") {
    InboxOnFaultyDisk on;
    for (const char* id : {"one", "two", "thr"}) {
      const int before = on.disk.databaseSyncs();
      REQUIRE(on.accept(id).ok());
      CHECK(on.checkpointSince(before));
    }
  }

  TEST_CASE("inbox: a disk that is full for checkpoints only takes events on") {
    InboxOnFaultyDisk on;
    on.disk.setDiskFull(true, DiskFile::kDatabase);
    for (int i = 0; i < 50; ++i) REQUIRE(on.accept("e" + std::to_string(i)).ok());
    on.clock().advance(kCheckpointPeriod);
    REQUIRE(on.accept("later").ok());
    on.disk.setDiskFull(false, DiskFile::kDatabase);
    REQUIRE(on.accept("last").ok());

    CHECK(on.checkpoint());
    CHECK(on.failures() == 0);
    on.reopen();
    checkNothingLost(on, {"e0", "e49", "later", "last"});
  }

  TEST_CASE("inbox: an index of the WAL that cannot be mapped refuses the start only") {
    InboxOnFaultyDisk on;
    REQUIRE(on.accept("one").ok());
    on.closeOnly();
    on.disk.fail(DiskFile::kDatabase, DiskCall::kShmMap, 1);
    CHECK(!on.tryOpen().ok());
    on.disk.mend();
    on.reopen();
    checkNothingLost(on, {"one"});
  }

  TEST_CASE("inbox: a full disk refuses events for now and keeps what was settled") {
    InboxOnFaultyDisk on;
    const DeliveryKey key{on.accept("one").take().seq, "a"};

    on.disk.setDiskFull(true);
    const Result<Accepted> refused = on.accept("two");
    on.inbox().settle({{key, To::kDone, End::kOk, {}, ""}});
    const Result<int> unknown = on.inbox().openDeliveries(key.seq);
    on.disk.setDiskFull(false);

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kUnavailable);
    CHECK(!unknown.ok());
    CHECK(on.inbox().openDeliveries(key.seq).take() == 0);
    CHECK(on.accept("two").ok());
    CHECK(on.inbox().stats().take().done == 1);
    CHECK(on.inbox().stats().take().waiting == 1);
  }

  TEST_CASE("inbox: a begin that a full disk refused is as if it had never been") {
    InboxOnFaultyDisk on;
    const DeliveryKey key{on.accept("one").take().seq, "a"};
    const std::vector<Begin> begins{{key, false}};

    on.disk.setDiskFull(true);
    const Result<void> refused = on.inbox().begin(begins);
    on.disk.setDiskFull(false);

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kUnavailable);
    CHECK(on.inbox().stats().take().waiting == 1);
    CHECK(on.inbox().begin(begins).ok());
    on.checkBooks();
  }

  TEST_CASE("inbox: an accept costs one fsync and what survives a kill alone costs none") {
    InboxOnFaultyDisk on;
    const int before_accept = on.disk.walSyncs();
    const DeliveryKey key{on.accept("one").take().seq, "a"};
    const int after_accept = on.disk.walSyncs();

    const std::vector<Begin> begins{{key, false}};
    REQUIRE(on.inbox().begin(begins).ok());
    on.inbox().record({{key, std::nullopt, AnswerState::kIntended}}, nullptr);
    on.inbox().settle({{key, To::kDone, End::kOk, {}, ""}});
    REQUIRE(on.inbox().openDeliveries(key.seq).ok());

    CHECK(after_accept == before_accept + 1);
    CHECK(on.disk.walSyncs() == after_accept);
  }

  TEST_CASE("inbox: a power cut keeps every accepted event and may repeat what ran") {
    InboxOnFaultyDisk on;
    const DeliveryKey one{on.accept("one").take().seq, "a"};
    REQUIRE(on.accept("two").ok());
    const std::int64_t synced = on.disk.walSyncedBytes();
    const std::vector<Begin> begins{{one, false}};
    REQUIRE(on.inbox().begin(begins).ok());
    on.inbox().settle({{one, To::kDone, End::kOk, {}, ""}});
    REQUIRE(on.inbox().openDeliveries(one.seq).ok());

    on.reopenAfterCrash(synced);

    CHECK(on.knows("one"));
    CHECK(on.knows("two"));
    CHECK(on.inbox().next("a", 10).take().size() == 2);
  }

  TEST_CASE("inbox: events are refused while the disk is below its reserve") {
    TempFolder folder;
    FakeClock clock;
    Metrics metrics;
    SqliteInboxSettings settings;
    settings.path = folder.file("inbox.db");
    settings.disk_free_min_bytes = std::int64_t{1} << 60;
    auto inbox = SqliteInbox::open(settings, clock, metrics).take();

    const Result<Accepted> refused =
        inbox->accept(eventNamed("one", clock.wallNow()), std::vector<Target>{"a"});

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kFull);
    CHECK(inbox->stats().take().disk_low);
  }
}

}  // namespace modhost::host
