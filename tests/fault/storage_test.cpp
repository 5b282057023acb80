// The real binary on a disk that fails: what is answered, what is logged, how it exits, and that
// the next start has everything that was acknowledged.
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/inbox_books.h"
#include "tests/system/main_job.h"

namespace modhost::host {
namespace {

namespace fs = std::filesystem;

constexpr char kChosen[] = "evt_held";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A file system of a few MiB, where this process may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options) {
    mounted_ = ::mount("modhost-test", path().c_str(), "tmpfs", 0, options) == 0;
    if (!mounted_) {
      MESSAGE("skipped: no tmpfs can be mounted here (", std::strerror(errno),
              "); inbox_storage covers the same on FaultyVfs");
    }
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  std::string path() const { return folder_.path().string(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  void remountReadOnly() const {
    REQUIRE(::mount("modhost-test", path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  }
  // Takes every free block but `free_bytes`.
  void fill(std::uintmax_t free_bytes = 0) const {
    std::ofstream junk(file("junk"), std::ios::binary | std::ios::app);
    const std::string block(4'096, 'x');
    while (junk.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) continue;
    fs::resize_file(file("junk"), fs::file_size(file("junk")) - free_bytes);
  }
  void makeRoom() const { fs::remove(file("junk")); }

 private:
  TempFolder folder_;
  bool mounted_ = false;
};

// From now on no file of that process grows beyond `bytes`: its writes fail with EFBIG.
void limitFiles(pid_t pid, std::uintmax_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  REQUIRE(::prlimit(pid, RLIMIT_FSIZE, &limit, nullptr) == 0);
}

struct HeldConversation {
  explicit HeldConversation(const std::string& inbox = "{sqlite: {path: inbox.db}}")
      : host(platform.apiBase()) {
    host.setInbox(inbox);
    host.configure(mainJobModules(host, "worker"));
    host.start();
    hold = platform.hold({.method = "POST", .path_prefix = "/openai"});
    REQUIRE(postWebhook(host.port(), chosenEventBody(kChosen)).status == 200);
    REQUIRE(hold->waitForArrivals());
  }
  // Until storage has failed; the ids acknowledged on the way.
  std::vector<std::string> sendUntilRefused() {
    std::vector<std::string> acknowledged;
    for (int i = 0; i < 1'000; ++i) {
      const std::string id = "evt_s" + std::to_string(i);
      last = postWebhook(host.port(), chosenEventBody(id, "Q", "chat_" + id));
      if (last.status != 200) break;
      acknowledged.push_back(id);
    }
    return acknowledged;
  }
  void checkAnswered(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      CAPTURE(id);
      CHECK(platform.waitFor([&] { return answered(platform, id); }));
      CHECK(!answered(platform, id, kApology));
    }
  }

  RecordingPlatform platform;
  HostProcess host;
  std::shared_ptr<Hold> hold;
  HttpAnswer last;
};

}  // namespace

TEST_SUITE_BEGIN("fault");

TEST_CASE("storage: a host whose disk fails finishes the answer that runs and exits 1") {
  HeldConversation on;
  limitFiles(on.host.pid(), fs::file_size(on.host.file("inbox.db-wal")) + 20'000);

  std::vector<std::string> acknowledged = on.sendUntilRefused();
  CHECK(on.last.status == 503);
  CHECK(!on.last.retry_after.empty());
  on.hold->release();
  CHECK(on.platform.waitFor([&] { return answered(on.platform, kChosen); }));
  CHECK(on.host.wait().exit_status == 1);

  const std::string log = on.host.log();
  CHECK_MESSAGE(contains(log, "error inbox: storage has failed for good: sqlite: disk I/O error"),
                log);
  CHECK(contains(log, "File too large"));
  CHECK(contains(log, "error inbox: storage has failed; refusing events and stopping"));
  checkBooks(on.host.file("inbox.db"));
  on.host.start();
  acknowledged.emplace_back(kChosen);
  on.checkAnswered(acknowledged);
  CHECK(on.host.terminate().exit_status == 0);
}

TEST_CASE("storage: an inbox deleted under the host is written again and nothing is lost") {
  HeldConversation on;
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(on.host.file("inbox.db") + part);

  CHECK(postWebhook(on.host.port(), chosenEventBody("evt_1")).status == 503);
  on.hold->release();
  CHECK(on.host.wait().exit_status == 1);

  CHECK(contains(on.host.log(), "inbox.db was deleted while the host had it open"));
  CHECK(contains(on.host.log(), "the inbox was deleted; all it held was written again"));
  on.host.start();
  on.checkAnswered({kChosen});
  CHECK(on.host.terminate().exit_status == 0);
  checkBooks(on.host.file("inbox.db"));
}

TEST_CASE("storage: a WAL that is missing after a kill is asked for at the start") {
  HeldConversation on;
  on.host.kill();
  fs::rename(on.host.file("inbox.db-wal"), on.host.file("elsewhere"));

  CHECK(on.host.run({"run"}).exit_status == 2);
  CHECK(contains(on.host.log(), "inbox.db-wal is missing or empty: put it back, or delete"));

  fs::rename(on.host.file("elsewhere"), on.host.file("inbox.db-wal"));
  on.host.start();
  on.hold->release();
  on.checkAnswered({kChosen});
}

TEST_CASE("storage: a second host on the same inbox is refused and told the pid") {
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.configure(mainJobModules(host, "worker"));
  host.start();

  CHECK(host.run({"run"}).exit_status == 2);

  CHECK(contains(host.log(), "another host (pid " + std::to_string(host.pid()) + ") has it"));
  CHECK(postWebhook(host.port(), chosenEventBody("evt_1")).status == 200);
}

TEST_CASE("storage: a full disk refuses with 503 and all goes on when it has room again") {
  const SmallDisk disk("size=4m");
  if (!disk.mounted()) return;
  HeldConversation on("{sqlite: {path: " + disk.file("inbox.db") + "}, disk_free_min: 0}");

  disk.fill();
  std::vector<std::string> acknowledged = on.sendUntilRefused();
  CHECK(on.last.status == 503);
  CHECK(!on.last.retry_after.empty());
  on.hold->release();
  CHECK(eventually([&] { return contains(on.host.log(), "a commit failed: new events are"); }));
  disk.makeRoom();

  CHECK(eventually(
      [&] { return postWebhook(on.host.port(), chosenEventBody("evt_after")).status == 200; }));
  acknowledged.insert(acknowledged.end(), {kChosen, "evt_after"});
  for (const std::string& id : acknowledged) {
    CHECK(on.platform.waitFor([&] { return answered(on.platform, id); }));
  }
  CHECK(on.host.terminate().exit_status == 0);
  CHECK(contains(on.host.log(), "commits succeed again"));
  checkBooks(disk.file("inbox.db"));
}

TEST_CASE("storage: a disk below its reserve refuses events and takes them again") {
  const SmallDisk disk("size=64m");
  if (!disk.mounted()) return;
  HeldConversation on("{sqlite: {path: " + disk.file("inbox.db") + "}, disk_free_min: 32MiB}");
  on.hold->release();

  disk.fill(24 << 20);
  int sent = 0;  // space is asked for once a second
  CHECK(eventually([&] {
    const std::string id = "evt_r" + std::to_string(++sent);
    return postWebhook(on.host.port(), chosenEventBody(id)).status == 503;
  }));
  disk.makeRoom();
  CHECK(eventually(
      [&] { return postWebhook(on.host.port(), chosenEventBody("evt_1")).status == 200; }));

  on.checkAnswered({"evt_1"});
  CHECK(contains(on.host.log(), "the disk is nearly full, new events are refused"));
  CHECK(contains(on.host.log(), "the disk has room again, events are taken"));
}

TEST_CASE("storage: a read-only file system is refused at the start by name") {
  const SmallDisk disk("size=4m");
  if (!disk.mounted()) return;
  disk.remountReadOnly();
  RecordingPlatform platform;
  HostProcess host(platform.apiBase());
  host.setInbox("{sqlite: {path: " + disk.file("inbox.db") + "}}");
  host.configure(mainJobModules(host, "worker"));

  CHECK(host.run({"run"}).exit_status == 2);

  CHECK(contains(host.log(), "inbox.db.lock: cannot be opened: Read-only file system"));
}

TEST_SUITE_END();

}  // namespace modhost::host
