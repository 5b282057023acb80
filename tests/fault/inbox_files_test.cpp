// What an inbox makes of files that were damaged, taken away, replaced or put back.
#include <doctest/doctest.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/contract/inbox_means.h"
#include "tests/support/inbox_books.h"

namespace modhost::host {
namespace {

namespace fs = std::filesystem;
using To = Settlement::To;

constexpr int kEvents = 400;
constexpr std::size_t kPageBytes = 4'096;

std::string idOf(int number) { return "e" + std::to_string(number); }

std::string contentOf(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The inbox of a host that died: files only, nobody has them open.
class DeadHostsInbox {
 public:
  explicit DeadHostsInbox(int events = kEvents) {
    const std::string first = folder_.file("first.db");
    auto inbox = SqliteInbox::open(settings(first), clock_, metrics_).take();
    for (int i = 0; i < events; ++i) {
      const EventPtr event = eventNamed(idOf(i), clock_.wallNow());
      REQUIRE(inbox->accept(event, std::vector<Target>{"a"}).ok());
      if (i == events / 2) checkpoint(first);
    }
    for (const char* part : {"", "-wal", ".lock"}) fs::copy_file(first + part, path() + part);
  }

  std::string path(const std::string& part = "") const { return folder_.file("inbox.db") + part; }

  Result<std::unique_ptr<SqliteInbox>> tryOpen() {
    return SqliteInbox::open(settings(path()), clock_, metrics_);
  }
  std::unique_ptr<SqliteInbox> open() {
    Result<std::unique_ptr<SqliteInbox>> opened = tryOpen();
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    return opened.take();
  }
  std::string refusal() {
    Result<std::unique_ptr<SqliteInbox>> opened = tryOpen();
    return opened.ok() ? "" : opened.error().message;
  }
  // Of a host of another user: a process of its own, as root may do everything.
  std::string refusalToAnother() {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::geteuid() == 0 && ::setresuid(65'534, 65'534, 65'534) != 0) ::_exit(1);
      const std::string words = refusal();
      ::_exit(::write(pipe[1], words.data(), words.size()) < 0 ? 1 : 0);
    }
    ::close(pipe[1]);
    std::string words(1'000, ' ');
    const ssize_t size = ::read(pipe[0], words.data(), words.size());
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return words.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  Result<Accepted> accept(SqliteInbox& inbox, const std::string& id) {
    return inbox.accept(eventNamed(id, clock_.wallNow()), std::vector<Target>{"a"});
  }
  // How many of the events are known.
  int known(SqliteInbox& inbox) {
    int found = 0;
    for (int i = 0; i < kEvents; ++i) {
      const Result<Accepted> again = accept(inbox, idOf(i));
      if (!again.ok() && again.error().kind == ErrorKind::kDuplicate) ++found;
    }
    return found;
  }
  void overwrite(const std::string& part, std::size_t at, const std::string& bytes) {
    std::fstream file(path(part), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
  }
  void resize(const std::string& part, std::uintmax_t bytes) { fs::resize_file(path(part), bytes); }
  std::uintmax_t size(const std::string& part) const { return fs::file_size(path(part)); }
  TempFolder& folder() { return folder_; }
  FakeClock& clock() { return clock_; }

 private:
  SqliteInboxSettings settings(const std::string& file) const {
    SqliteInboxSettings chosen;
    chosen.path = file;
    chosen.disk_free_min_bytes = 0;
    chosen.checkpoint_period = std::chrono::hours(24);
    return chosen;
  }
  // As a shell beside the host does it.
  static void checkpoint(const std::string& file) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA wal_checkpoint(PASSIVE)", nullptr, nullptr, nullptr);
    sqlite3_close(db);
  }

  TempFolder folder_;
  FakeClock clock_;
  Metrics metrics_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int shell(const std::string& command) {
  const char* arguments[] = {"sh", "-c", command.c_str(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, "/bin/sh", nullptr, nullptr,
                                   const_cast<char* const*>(arguments), environ);
  int status = -1;
  if (failed == 0) ::waitpid(pid, &status, 0);
  return status;
}
bool shellIsThere() { return shell("command -v sqlite3 > /dev/null 2>&1") == 0; }

// What docs/inbox-format.md tells the operator to run after the dump.
constexpr char kRecount[] =
    "PRAGMA user_version = 2; UPDATE inbox SET"
    " waiting = (SELECT count(*) FROM delivery WHERE state = 1),"
    " running = (SELECT count(*) FROM delivery WHERE state = 2),"
    " closing = (SELECT count(*) FROM delivery WHERE state = 3),"
    " dead = (SELECT count(*) FROM dead_letter),"
    " events = (SELECT count(*) FROM event),"
    " last_seq = max(last_seq, (SELECT coalesce(max(seq), 0) FROM event)),"
    " last_dead_number ="
    "   max(last_dead_number, (SELECT coalesce(max(number), 0) FROM dead_letter));";

}  // namespace

TEST_SUITE("inbox files") {
  TEST_CASE("inbox: what a dead host left is taken up whole") {
    DeadHostsInbox on;
    SUBCASE("as it is") {}
    SUBCASE("with a wrong tail of the WAL") {
      const std::uintmax_t end = on.size("-wal");
      on.resize("-wal", end + 5 * kPageBytes);
      on.overwrite("-wal", end, std::string(kPageBytes, '\x5a'));
    }
    SUBCASE("with half a frame at the end of the WAL") { on.resize("-wal", on.size("-wal") + 999); }
    SUBCASE("with an index of the WAL that is garbage") {
      std::ofstream(on.path("-shm"), std::ios::binary) << std::string(32'768, '\x7f');
    }
    auto inbox = on.open();

    CHECK(on.known(*inbox) == kEvents);
    inbox.reset();
    checkBooks(on.path());
  }

  TEST_CASE("inbox: a WAL that was cut short costs its end and leaves the books in order") {
    DeadHostsInbox on;
    on.resize("-wal", on.size("-wal") / 2);
    auto inbox = on.open();

    const int known = on.known(*inbox);
    CHECK(known >= kEvents / 2);
    CHECK(known < kEvents);
    inbox.reset();
    checkBooks(on.path());
  }

  TEST_CASE("inbox: a file that was taken from a dead host's inbox is missed by name") {
    DeadHostsInbox on;
    std::string part;
    SUBCASE("WAL deleted") {
      part = "-wal";
      fs::remove(on.path(part));
    }
    SUBCASE("WAL emptied") {
      part = "-wal";
      on.resize(part, 0);
    }
    SUBCASE("database deleted") { fs::remove(on.path()); }
    SUBCASE("database emptied") { on.resize("", 0); }

    const std::string refusal = on.refusal();

    CHECK_MESSAGE(contains(refusal, on.path(part) + " is missing or empty"), refusal);
    CHECK_MESSAGE(contains(refusal, "delete " + on.path(".lock")), refusal);
    fs::remove(on.path(".lock"));
    CHECK(on.open() != nullptr);
  }

  TEST_CASE("inbox: a damaged database is refused at the start and stays as it is") {
    DeadHostsInbox on;
    fs::remove(on.path("-wal"));
    fs::remove(on.path(".lock"));
    SUBCASE("header") { on.overwrite("", 0, std::string(100, '\x11')); }
    SUBCASE("cut short") { on.resize("", 3 * kPageBytes); }
    SUBCASE("garbage after the header") {
      on.overwrite("", kPageBytes, std::string(20 * kPageBytes, '\x11'));
    }
    const std::string before = contentOf(on.path());

    Result<std::unique_ptr<SqliteInbox>> opened = on.tryOpen();

    REQUIRE(!opened.ok());
    CHECK(opened.error().kind == ErrorKind::kCorrupt);
    CHECK_MESSAGE(contains(opened.error().message, on.path() + ": sqlite: "),
                  opened.error().message);
    CHECK_MESSAGE(contains(opened.error().message, "inbox-format.md"), opened.error().message);
    CHECK(contentOf(on.path()) == before);
  }

  TEST_CASE("inbox: a damaged page met while running stops the inbox for good") {
    DeadHostsInbox on;
    {
      auto inbox = on.open();  // leaves one file
    }
    // The pages that hold bodies; the start reads none of them.
    const std::string content = contentOf(on.path());
    for (std::size_t at = kPageBytes; at < content.size(); at += kPageBytes) {
      if (!contains(content.substr(at, kPageBytes), "payload")) continue;
      on.overwrite("", at, std::string(kPageBytes, '\x11'));
    }
    Result<std::unique_ptr<SqliteInbox>> opened = on.tryOpen();
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    auto inbox = opened.take();
    std::vector<Error> told;
    inbox->onFailure([&](const Error& error) { told.push_back(error); });

    for (int i = 0; i < kEvents && told.empty(); ++i) {
      (void)inbox->next("a", 64);
      (void)on.accept(*inbox, idOf(i));
    }

    REQUIRE(told.size() == 1);
    CHECK(told[0].kind == ErrorKind::kCorrupt);
    CHECK_MESSAGE(contains(told[0].message, "malformed"), told[0].message);
    const Result<Accepted> later = on.accept(*inbox, "later");
    REQUIRE(!later.ok());
    CHECK(later.error().kind == ErrorKind::kCorrupt);
  }

  TEST_CASE("inbox: a database that is somebody else's is refused and left alone") {
    DeadHostsInbox on;
    for (const char* part : {"", "-wal", ".lock"}) fs::remove(on.path(part));
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(on.path().c_str(), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "CREATE TABLE theirs(x)", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);

    const std::string refusal = on.refusal();

    CHECK_MESSAGE(contains(refusal, "a database of something else"), refusal);
  }

  TEST_CASE("inbox: a database that was deleted under a host is written again when it ends") {
    DeadHostsInbox on;
    std::vector<Error> told;
    auto inbox = on.open();
    inbox->onFailure([&](const Error& error) { told.push_back(error); });
    REQUIRE(on.accept(*inbox, "before").ok());
    SUBCASE("database") { fs::remove(on.path()); }
    SUBCASE("WAL") { fs::remove(on.path("-wal")); }
    SUBCASE("all of it") {
      for (const char* part : {"", "-wal", "-shm", ".lock"}) fs::remove(on.path(part));
    }

    const Result<Accepted> refused = on.accept(*inbox, "unlucky");

    REQUIRE(!refused.ok());
    CHECK(refused.error().kind == ErrorKind::kCorrupt);
    CHECK_MESSAGE(contains(refused.error().message, "was deleted"), refused.error().message);
    CHECK(!on.accept(*inbox, "later").ok());
    CHECK(told.size() == 1);
    inbox.reset();
    checkBooks(on.path());
    inbox = on.open();
    CHECK(on.known(*inbox) == kEvents);
    CHECK(!on.accept(*inbox, "before").ok());
    CHECK(on.accept(*inbox, "after").ok());
  }

  TEST_CASE("inbox: a database that was replaced under a host is rescued beside the new one") {
    DeadHostsInbox on;
    const std::string backup = on.folder().file("backup.db");
    auto inbox = on.open();
    inbox.reset();
    fs::copy_file(on.path(), backup);
    inbox = on.open();
    REQUIRE(on.accept(*inbox, "since the backup").ok());

    fs::rename(backup, on.path());
    const Result<Accepted> refused = on.accept(*inbox, "unlucky");
    inbox.reset();

    REQUIRE(!refused.ok());
    CHECK_MESSAGE(contains(refused.error().message, "was replaced"), refused.error().message);
    checkBooks(on.path());
    checkBooks(on.path(".rescued"));
    inbox = on.open();
    CHECK(on.known(*inbox) == kEvents);
    CHECK(on.accept(*inbox, "since the backup").ok());
    inbox.reset();
    fs::rename(on.path(".rescued"), on.path());
    inbox = on.open();
    CHECK(on.known(*inbox) == kEvents);
    CHECK(!on.accept(*inbox, "since the backup").ok());
  }

  TEST_CASE("inbox: a backup made beside a running host is an inbox") {
    if (!shellIsThere()) {
      MESSAGE("skipped: no sqlite3 shell here");
      return;
    }
    DeadHostsInbox on;
    const std::string copy = on.folder().file("copy.db");
    {
      auto inbox = on.open();
      REQUIRE(shell("sqlite3 " + on.path() + " '.backup " + copy + "'") == 0);
    }
    for (const char* part : {"", ".lock"}) fs::remove(on.path(part));
    fs::rename(copy, on.path());

    checkBooks(on.path());
    auto inbox = on.open();
    CHECK(on.known(*inbox) == kEvents);
  }

  TEST_CASE("inbox: what can be dumped of a damaged file is an inbox again after a recount") {
    if (!shellIsThere()) {
      MESSAGE("skipped: no sqlite3 shell here");
      return;
    }
    DeadHostsInbox on;
    {
      auto inbox = on.open();  // leaves one file
    }
    const std::uintmax_t pages = on.size("") / kPageBytes;
    on.overwrite("", (pages - 3) * kPageBytes, std::string(kPageBytes, '\x11'));

    const std::string mended = on.folder().file("mended.db");
    REQUIRE(shell("sqlite3 " + on.path() +
                  " .dump 2>/dev/null | sed 's/^ROLLBACK; -- due to errors/COMMIT;/' | sqlite3 " +
                  mended + " > /dev/null 2>&1") == 0);
    REQUIRE(shell("sqlite3 " + mended + " '" + kRecount + "'") == 0);
    fs::rename(mended, on.path());
    fs::remove(on.path(".lock"));

    auto inbox = on.open();
    CHECK(on.known(*inbox) > kEvents / 2);
    const InboxStats stats = inbox->stats().take();
    CHECK(stats.waiting > kEvents / 2);
  }

  TEST_CASE("inbox: files that belong to somebody else are refused by name") {
    DeadHostsInbox on;
    fs::permissions(on.folder().path(), fs::perms(0755));
    std::string named = on.path(".lock");
    SUBCASE("the lock") { fs::permissions(named, fs::perms(0000)); }
    SUBCASE("the database may not be read") {
      fs::permissions(named, fs::perms(0666));
      fs::permissions(on.path(), fs::perms(0000));
      named = on.path();
    }
    SUBCASE("the folder is read-only") {
      fs::remove(named);
      fs::permissions(on.folder().path(), fs::perms(0555));
    }
    const std::string refusal = on.refusalToAnother();
    fs::permissions(on.folder().path(), fs::perms(0755));

    CHECK_MESSAGE(contains(refusal, named + ": cannot be opened: Permission denied"), refusal);
  }

  TEST_CASE("inbox: another name for the same file is no way around its owner") {
    DeadHostsInbox on;
    const std::string link = on.folder().file("link.db");
    fs::create_symlink(on.path(), link);
    auto inbox = on.open();

    // In a process of its own: locks of one process do not keep itself out.
    const pid_t pid = ::fork();
    if (pid == 0) {
      FakeClock clock;
      Metrics metrics;
      SqliteInboxSettings settings;
      settings.path = link;
      const auto opened = SqliteInbox::open(settings, clock, metrics);
      ::_exit(!opened.ok() && opened.error().kind == ErrorKind::kNotOwner ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);

    CHECK(WEXITSTATUS(status) == 0);
    CHECK(on.accept(*inbox, "still mine").ok());
  }
}

}  // namespace modhost::host
