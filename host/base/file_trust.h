// FileTrust: who could have put something else into a file than its owner meant. What the host
// believes (its configuration, its secrets, the code it loads) must not be writable by strangers.
// Folders above the one a file lies in are not looked at.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace modhost::host {

struct FileRights {
  unsigned mode = 0;  // st_mode
  uid_t owner = 0;
  gid_t group = 0;
  bool read_only =
      false;  // its file system is mounted so: nobody here may write, whatever the mode
};
// Of what is open, and of what lies at `path`; nullopt: errno says why.
std::optional<FileRights> rightsOf(int fd);
std::optional<FileRights> rightsAt(const std::string& path);

// Whose word counts: root's and that of the user the host runs as.
struct OwnIds {
  uid_t user = 0;
  gid_t group = 0;
};
OwnIds ownIds();

// What is wrong with who may write, as the end of a sentence that begins with the path: "has mode
// 0777, ...; accepted: ..."; empty: nothing. Every user may not; a group may when it is root's, the
// host's own, or the owner's private one (the same number as the owner, as distributions give
// them). Only files and folders have such faults: a terminal or a pipe is its owner's business.
std::string writersFault(const FileRights& rights, const OwnIds& own);

// The same for the owner: root or the host's user.
std::string ownerFault(const FileRights& rights, const OwnIds& own);

// The same for who may read: every user may not.
std::string readersFault(const FileRights& rights);

}  // namespace modhost::host
