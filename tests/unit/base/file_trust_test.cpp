#include "host/base/file_trust.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace modhost::host {
namespace {

constexpr OwnIds kHost{1000, 1001};

FileRights file(unsigned mode, uid_t owner = 0, gid_t group = 0) {
  return {S_IFREG | mode, owner, group, false};
}

}  // namespace

TEST_SUITE("base") {
  TEST_CASE("file trust: every user may never write") {
    CHECK(writersFault(file(0602), kHost).find("has mode 0602, so that every user may write it") ==
          0);
    CHECK_FALSE(writersFault({S_IFDIR | 01777, 0, 0, false}, kHost).empty());
    CHECK(writersFault(file(0755), kHost).empty());
  }

  TEST_CASE("file trust: a group may write when it is root's or the host's or the owner's own") {
    for (const gid_t group : {gid_t{0}, gid_t{1001}, gid_t{77}}) {
      CHECK(writersFault(file(0660, 77, group), kHost).empty());
    }
    CHECK(writersFault(file(0660, 77, 78), kHost).find("group 78 may write it") !=
          std::string::npos);
    CHECK(writersFault(file(0640, 77, 78), kHost).empty());
  }

  TEST_CASE("file trust: what is mounted read-only cannot be written and a pipe is no file") {
    CHECK(writersFault({S_IFDIR | 0777, 0, 0, true}, kHost).empty());
    CHECK(writersFault({S_IFIFO | 0666, 0, 0, false}, kHost).empty());
  }

  TEST_CASE("file trust: root and the host's user may own") {
    CHECK(ownerFault(file(0644, 0), kHost).empty());
    CHECK(ownerFault(file(0644, 1000), kHost).empty());
    CHECK(ownerFault(file(0644, 1002), kHost) ==
          "belongs to user 1002; accepted: root, or user 1000, who runs the host");
    CHECK(ownerFault(file(0644, 1000), {0, 0}) == "belongs to user 1000; accepted: root");
  }

  TEST_CASE("file trust: what every user may read is said") {
    CHECK(readersFault(file(0644)).find("has mode 0644, so that every user may read it") == 0);
    CHECK(readersFault(file(0640)).empty());
  }

  TEST_CASE("file trust: the rights are those of the file") {
    const TempFolder folder;
    const std::string path = folder.file("f");
    std::ofstream(path) << "x";
    ::chmod(path.c_str(), 0602);

    const auto rights = rightsAt(path);

    REQUIRE(rights);
    CHECK((rights->mode & 07777u) == 0602);
    CHECK(rights->owner == ownIds().user);
    CHECK_FALSE(rights->read_only);
    CHECK_FALSE(rightsAt(folder.file("none")));
  }
}

}  // namespace modhost::host
