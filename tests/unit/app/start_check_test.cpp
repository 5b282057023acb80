#include "host/app/start_check.h"

#include <doctest/doctest.h>

#include <string>

#include "host/base/startup_error.h"

namespace modhost::host {
namespace {

using enum FileSystemTrust;

constexpr std::chrono::hours kHour{1};

StartFacts soundFacts() {
  StartFacts facts;
  facts.inbox_path = "/var/inbox.db";
  facts.free_bytes = facts.disk_free_min_bytes = 64 << 20;
  facts.files = facts.files_needed = 4096;
  facts.built = WallTime(std::chrono::hours(24 * 365 * 56));
  facts.now = facts.built;
  facts.newest_event = facts.now;
  return facts;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The one warning there is.
std::string warning(const StartFacts& facts) {
  const std::vector<std::string> warnings = startWarnings(facts);
  REQUIRE(warnings.size() == 1);
  return warnings.front();
}

}  // namespace

TEST_SUITE("app") {
  TEST_CASE("start check: a machine that is as it should be is not warned about") {
    CHECK(startWarnings(soundFacts()).empty());
  }

  TEST_CASE("start check: an inbox on a network file system is refused") {
    StartFacts facts = soundFacts();
    facts.file_system = fileSystemVerdict(0x6969, "");
    try {
      startWarnings(facts);
      FAIL("not refused");
    } catch (const StartupError& error) {
      CHECK(std::string(error.what()) ==
            "/var/inbox.db: the inbox lies on a network file system (NFS); accepted: a local disk");
    }
  }

  TEST_CASE("start check: file systems are judged by their magic and FUSE by its type") {
    for (const std::uint32_t magic :
         {0x6969u, 0x517bu, 0xff534d42u, 0xfe534d42u, 0x00c36400u, 0x0bd00bd0u, 0x7461636fu}) {
      CHECK(fileSystemVerdict(magic, "").trust == kRefused);
    }
    for (const std::uint32_t magic : {0xef53u, 0x58465342u, 0x9123683eu, 0x2fc12fc1u}) {
      CHECK(fileSystemVerdict(magic, "").trust == kSound);  // ext4, XFS, btrfs, ZFS
    }
    for (const std::uint32_t magic : {0x01021994u, 0x794c7630u, 0x01021997u}) {
      CHECK(fileSystemVerdict(magic, "").trust == kDoubtful);
    }
    CHECK(fileSystemVerdict(0x65735546, "fuse.sshfs").trust == kRefused);
    CHECK(fileSystemVerdict(0x65735546, "fuse.s3fs").trust == kRefused);
    CHECK(fileSystemVerdict(0x65735546, "fuseblk").trust == kDoubtful);
    CHECK(fileSystemVerdict(0x65735546, "").trust == kDoubtful);
    CHECK(fileSystemOf("/").ok());
    CHECK_FALSE(fileSystemOf("/nonexistent/file").ok());
  }

  TEST_CASE("start check: a full disk and few files are warned about") {
    StartFacts full = soundFacts();
    --full.free_bytes;
    CHECK(contains(warning(full), "has 67108863 bytes free, less than inbox.disk_free_min"));
    StartFacts few = soundFacts();
    --few.files;
    CHECK(contains(warning(few), "the limit on open files is low: it is 4095, 4096 may be needed"));
    StartFacts memory = soundFacts();
    memory.file_system = fileSystemVerdict(0x01021994, "");
    CHECK(contains(warning(memory), "the inbox lies on a disk in memory (tmpfs)"));
  }

  TEST_CASE("start check: a clock before the build or before the newest event is warned about") {
    StartFacts reset = soundFacts();
    reset.now -= kHour;
    CHECK(contains(warning(reset), ", before this program was built"));
    StartFacts back = soundFacts();
    back.newest_event = back.now + std::chrono::seconds(61);
    CHECK(contains(warning(back), ", before the newest event of the inbox came"));
    back.newest_event = back.now + std::chrono::seconds(60);
    CHECK(startWarnings(back).empty());
    back.newest_event.reset();
    CHECK(startWarnings(back).empty());
  }
}

}  // namespace modhost::host
