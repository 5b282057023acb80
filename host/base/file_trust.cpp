#include "host/base/file_trust.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace modhost::host {
namespace {

std::string modeText(const FileRights& rights) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", rights.mode & 07777u);
  return text.data();
}

FileRights rightsFrom(const struct stat& status, const struct statvfs& mount) {
  return {status.st_mode, status.st_uid, status.st_gid, (mount.f_flag & ST_RDONLY) != 0};
}

bool canBeWritten(const FileRights& rights) {
  return !rights.read_only && (S_ISREG(rights.mode) || S_ISDIR(rights.mode));
}

bool isTrusted(gid_t group, const FileRights& rights, const OwnIds& own) {
  return group == 0 || group == own.group || group == rights.owner;
}

}  // namespace

std::optional<FileRights> rightsOf(int fd) {
  struct stat status {};
  struct statvfs mount {};
  if (::fstat(fd, &status) != 0 || ::fstatvfs(fd, &mount) != 0) return std::nullopt;
  return rightsFrom(status, mount);
}

std::optional<FileRights> rightsAt(const std::string& path) {
  struct stat status {};
  struct statvfs mount {};
  if (::stat(path.c_str(), &status) != 0 || ::statvfs(path.c_str(), &mount) != 0) {
    return std::nullopt;
  }
  return rightsFrom(status, mount);
}

OwnIds ownIds() { return {::geteuid(), ::getegid()}; }

std::string writersFault(const FileRights& rights, const OwnIds& own) {
  const bool everybody = (rights.mode & S_IWOTH) != 0;
  const bool group = (rights.mode & S_IWGRP) != 0 && !isTrusted(rights.group, rights, own);
  if (!canBeWritten(rights) || (!everybody && !group)) return "";
  return "has mode " + modeText(rights) + ", so that " +
         (everybody ? "every user" : "group " + std::to_string(rights.group)) +
         " may write it; accepted: written by its owner, and by the group of root, of the host or "
         "of "
         "the owner alone (chmod " +
         (everybody ? "o-w" : "g-w") + ")";
}

std::string ownerFault(const FileRights& rights, const OwnIds& own) {
  if (rights.owner == 0 || rights.owner == own.user) return "";
  return "belongs to user " + std::to_string(rights.owner) + "; accepted: root" +
         (own.user == 0 ? "" : ", or user " + std::to_string(own.user) + ", who runs the host");
}

std::string readersFault(const FileRights& rights) {
  if ((rights.mode & S_IROTH) == 0) return "";
  return "has mode " + modeText(rights) +
         ", so that every user may read it; meant: 0600, or 0640 for a group";
}

}  // namespace modhost::host
