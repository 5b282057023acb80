#include "host/inbox/rescue.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "host/base/fd.h"
#include "host/base/log.h"

namespace modhost::host {
namespace {

// An empty file of our own, which SQLite then fills; nobody else's is overwritten.
bool create(const std::string& file) {
  return Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)).valid();
}

bool syncToDisk(const std::string& file, int flags) {
  const Fd opened(::open(file.c_str(), flags | O_CLOEXEC));
  return opened.valid() && ::fsync(opened.get()) == 0;
}

std::string folderOf(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

bool copyTo(Database& database, const std::string& copy) {
  if (!create(copy)) return false;
  Statement vacuum(database, "VACUUM INTO ?1");
  vacuum.run(copy);
  return syncToDisk(copy, O_RDONLY) && syncToDisk(folderOf(copy), O_RDONLY | O_DIRECTORY);
}

}  // namespace

bool rescueInbox(Database& database, const std::string& path, bool in_place) {
  const std::string copy = in_place ? path : path + ".rescued";
  std::string why;
  try {
    if (copyTo(database, copy)) {
      logError("inbox",
               in_place ? "the inbox was deleted; all it held was written again"
                        : "the inbox was replaced; all the old one held is in the rescued file",
               {{"file", copy}});
      return true;
    }
    why = std::strerror(errno);
  } catch (const SqlError& error) {
    why = error.what();
  }
  logError("inbox", "the inbox was deleted or replaced and what it held can not be rescued",
           {{"file", copy}, {"error", why}});
  return false;
}

}  // namespace modhost::host
