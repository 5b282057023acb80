// What an inbox keeps of its promises when the disk below it fails.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/contract/inbox_means.h"
#include "tests/support/faulty_vfs.h"

namespace modhost::host {
namespace {

using To = Settlement::To;

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
  bool knows(const std::string& id) {
    Result<Accepted> again = accept(id);
    return !again.ok() && again.error().kind == ErrorKind::kDuplicate;
  }

  FaultyVfs disk;
  SqliteInbox& inbox() { return *inbox_; }
  FakeClock& clock() { return clock_; }

 private:
  std::string path() const { return folder_.file(name_); }
  void open() {
    SqliteInboxSettings settings;
    settings.path = path();
    settings.vfs = disk.name();
    settings.disk_free_min_bytes = 0;
    settings.checkpoint_period = std::chrono::hours(24);
    Result<std::unique_ptr<SqliteInbox>> opened = SqliteInbox::open(settings, clock_, metrics_);
    MODHOST_ASSERT(opened.ok());
    inbox_ = opened.take();
  }

  TempFolder folder_;
  std::string name_ = "inbox.db";
  FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<SqliteInbox> inbox_;
};

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
  }
}

}  // namespace modhost::host
