#include "host/inbox/inbox_backup.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "host/base/fd.h"
#include "host/base/thread.h"
#include "host/inbox/inbox_check.h"
#include "tests/contract/inbox_means.h"

namespace modhost::host {
namespace {

struct Stage {
  TempFolder folder;
  FakeClock clock;
  Metrics metrics;
  std::string target = folder.file("backup.db");

  std::string path() const { return folder.file("inbox.db"); }
  std::unique_ptr<SqliteInbox> open(const std::string& file) {
    SqliteInboxSettings settings;
    settings.path = file;
    settings.disk_free_min_bytes = 0;
    auto opened = SqliteInbox::open(settings, clock, metrics);
    REQUIRE(opened.ok());
    return opened.take();
  }
  void accept(Inbox& inbox, const std::string& id) {
    REQUIRE(inbox.accept(eventNamed(id, clock.wallNow()), std::vector<Target>{"a"}).ok());
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      const std::string name = entry.path().filename();
      if (name.rfind("backup", 0) == 0) names.push_back(name);
    }
    return names;
  }
};

void damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5 * 4096);
  file << std::string(4096, '\x5a');
}

}  // namespace

TEST_SUITE("inbox") {
  TEST_CASE(
      "inbox backup: a copy beside the open inbox holds what was accepted and can be opened") {
    Stage stage;
    const auto inbox = stage.open(stage.path());
    for (int i = 0; i < 20; ++i) stage.accept(*inbox, "evt_" + std::to_string(i));

    const Result<InboxHoldings> holdings = backupInbox(stage.path(), stage.target, Overwrite::kNo);
    stage.accept(*inbox, "evt_later");

    REQUIRE(holdings.ok());
    CHECK(holdings.value().waiting == 20);
    CHECK(holdings.value().events == 20);
    CHECK(holdings.value().newest == stage.clock.wallNow());
    CHECK(stage.files() == std::vector<std::string>{"backup.db"});
    struct stat status {};
    REQUIRE(::stat(stage.target.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777u) == 0600);
    const auto faults = checkInbox(stage.target);
    REQUIRE(faults.ok());
    CHECK(faults.value().empty());

    const auto restored = stage.open(stage.target);
    CHECK(restored->stats().take().waiting == 20);
    const auto again =
        restored->accept(eventNamed("evt_7", stage.clock.wallNow()), std::vector<Target>{"a"});
    REQUIRE_FALSE(again.ok());
    CHECK(again.error().kind == ErrorKind::kDuplicate);
  }

  TEST_CASE("inbox backup: what is there is replaced only when told to") {
    Stage stage;
    const auto inbox = stage.open(stage.path());
    std::ofstream(stage.target) << "mine";

    const auto refused = backupInbox(stage.path(), stage.target, Overwrite::kNo);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message == stage.target +
                                         ": is there already; accepted: another name, or --force "
                                         "to replace it");
    CHECK(std::filesystem::file_size(stage.target) == 4);

    CHECK(backupInbox(stage.path(), stage.target, Overwrite::kYes).ok());
    CHECK(checkInbox(stage.target).ok());
    CHECK_FALSE(backupInbox(stage.path(), stage.path(), Overwrite::kYes).ok());
  }

  TEST_CASE("inbox backup: a failed copy leaves nothing and a killed one is no hindrance") {
    Stage stage;
    const std::string elsewhere = stage.folder.file("none/backup.db");
    std::ofstream(stage.target + ".partial") << "half a copy";

    CHECK_FALSE(backupInbox(stage.path(), stage.target, Overwrite::kNo).ok());
    CHECK(stage.files().empty());
    const auto inbox = stage.open(stage.path());
    CHECK_FALSE(backupInbox(stage.path(), elsewhere, Overwrite::kNo).ok());
    CHECK(backupInbox(stage.path(), stage.target, Overwrite::kNo).ok());
  }

  TEST_CASE("inbox backup: an inbox of a stopped host is copied and a damaged copy is told") {
    Stage stage;
    {
      const auto inbox = stage.open(stage.path());
      for (int i = 0; i < 200; ++i) stage.accept(*inbox, "evt_" + std::to_string(i));
    }

    CHECK(backupInbox(stage.path(), stage.target, Overwrite::kNo).take().waiting == 200);
    damage(stage.target);

    const auto faults = checkInbox(stage.target);
    CHECK((!faults.ok() || !faults.value().empty()));
  }

  TEST_CASE(
      "inbox backup: a killed host's inbox without its WAL is refused as a start refuses it") {
    Stage stage;
    stage.open(stage.path()).reset();
    std::ofstream(stage.path() + ".lock") << "4711 in use";

    const auto refused = backupInbox(stage.path(), stage.target, Overwrite::kNo);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("-wal is missing or empty: put it back") !=
          std::string::npos);
    CHECK_FALSE(checkInbox(stage.path()).ok());
    CHECK(stage.files().empty());
  }

  // SQLite deletes the WAL, then the host says in the lock file that it has ended.
  TEST_CASE("inbox backup: a host that is just ending in order does not get it refused") {
    Stage stage;
    { const auto inbox = stage.open(stage.path()); }
    const std::string lock = stage.path() + ".lock";
    std::ofstream(lock) << "1 in use";
    const Fd looks(::inotify_init1(IN_CLOEXEC));
    REQUIRE(::inotify_add_watch(looks.get(), lock.c_str(), IN_CLOSE_NOWRITE) >= 0);
    Thread host("host", [&] {
      std::array<char, 4096> event{};
      CHECK(::read(looks.get(), event.data(), event.size()) > 0);  // the backup has looked once
      std::ofstream ended(lock);
    });

    const auto holdings = backupInbox(stage.path(), stage.target, Overwrite::kNo);
    host.join();

    CHECK_MESSAGE(holdings.ok(), (holdings.ok() ? "" : holdings.error().message));
  }

  TEST_CASE("inbox backup: a WAL that lies beside the target is not mixed into the copy") {
    Stage stage;
    const auto inbox = stage.open(stage.path());
    std::ofstream(stage.target + "-wal") << "of what was here before";

    for (const Overwrite overwrite : {Overwrite::kNo, Overwrite::kYes}) {
      const auto refused = backupInbox(stage.path(), stage.target, overwrite);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().message.find(stage.target + "-wal: is there") == 0);
    }
    CHECK(stage.files() == std::vector<std::string>{"backup.db-wal"});
  }

  // As root it would put a file where /dev/null was.
  TEST_CASE("inbox backup: what is no file is not replaced even when told to") {
    Stage stage;
    const auto inbox = stage.open(stage.path());
    REQUIRE(::mkfifo(stage.target.c_str(), 0600) == 0);

    const auto refused = backupInbox(stage.path(), stage.target, Overwrite::kYes);

    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find(": is there and no file") != std::string::npos);
    CHECK(std::filesystem::is_fifo(stage.target));
  }

  TEST_CASE("inbox backup: two to one name do not publish each other's beginnings") {
    Stage stage;
    const auto inbox = stage.open(stage.path());
    const std::string partial = stage.target + ".partial";
    const Fd other(::open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::flock(other.get(), LOCK_EX) == 0);

    const auto refused = backupInbox(stage.path(), stage.target, Overwrite::kYes);

    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message == partial + ": another backup writes it; wait for that");
    CHECK(stage.files() == std::vector<std::string>{"backup.db.partial"});
  }
}

}  // namespace modhost::host
