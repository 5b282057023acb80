#include "host/inbox/file_system.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace modhost::host {
namespace {

using enum FileSystemTrust;

struct Known {
  std::uint32_t magic;
  FileSystemTrust trust;
  const char* why;
};

constexpr std::uint32_t kFuse = 0x65735546;

// The magics are the kernel's and the projects' own; linux/magic.h has not all of them.
constexpr std::array kKnown{
    Known{0x6969, kRefused, "a network file system (NFS)"},
    Known{0x517b, kRefused, "a network file system (SMB)"},
    Known{0xff534d42, kRefused, "a network file system (CIFS)"},
    Known{0xfe534d42, kRefused, "a network file system (SMB)"},
    Known{0x5346414f, kRefused, "a network file system (AFS)"},
    Known{0x6b414653, kRefused, "a network file system (AFS)"},
    Known{0x73757245, kRefused, "a network file system (Coda)"},
    Known{0x00c36400, kRefused, "a network file system (Ceph)"},
    Known{0x0bd00bd0, kRefused, "a network file system (Lustre)"},
    Known{0x47504653, kRefused, "a network file system (GPFS)"},
    Known{0x7461636f, kRefused, "a cluster file system (OCFS2)"},
    Known{0x01161970, kRefused, "a cluster file system (GFS2)"},
    Known{0x01021997, kDoubtful,
          "a file system of the machine below (9p), whose locks may not count"},
    Known{0x786f4256, kDoubtful,
          "a folder of the machine below (vboxsf), whose locks may not count"},
    Known{0x01021994, kDoubtful,
          "a disk in memory (tmpfs): all of it is gone when the machine restarts"},
    Known{0x858458f6, kDoubtful,
          "a disk in memory (ramfs): all of it is gone when the machine restarts"},
    Known{0x794c7630, kDoubtful,
          "the container's own layer (overlay): it is gone with the container; mount a volume"},
};

constexpr std::array<std::string_view, 14> kRemoteFuse{
    "sshfs",     "glusterfs", "s3fs",      "rclone",  "goofys",    "gcsfuse",  "cephfs",
    "ceph-fuse", "davfs",     "curlftpfs", "juicefs", "blobfuse2", "blobfuse", "mount-s3"};

FileSystemVerdict ofFuse(std::string_view type) {
  const std::size_t dot = type.find('.');
  const std::string_view name = dot == std::string_view::npos ? "" : type.substr(dot + 1);
  if (std::find(kRemoteFuse.begin(), kRemoteFuse.end(), name) != kRemoteFuse.end()) {
    return {kRefused, "a network file system (" + std::string(name) + ")"};
  }
  return {kDoubtful, "a file system of a program (" + std::string(type.empty() ? "fuse" : type) +
                         "), whose locks and fsync may not count"};
}

// Of the line of /proc/self/mountinfo for this device; empty when there is none.
std::string mountedType(dev_t device) {
  const std::string wanted =
      std::to_string(::major(device)) + ":" + std::to_string(::minor(device));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, number, word;
    words >> id >> parent >> number;
    if (number != wanted) continue;
    while (words >> word && word != "-") continue;
    words >> word;
    return word;
  }
  return "";
}

}  // namespace

FileSystemVerdict fileSystemVerdict(std::uint32_t magic, std::string_view type) {
  if (magic == kFuse) return ofFuse(type);
  for (const Known& known : kKnown) {
    if (known.magic == magic) return {known.trust, known.why};
  }
  return {};
}

Result<FileSystemVerdict> fileSystemOf(const std::string& path) {
  struct statfs system {};
  struct stat status {};
  if (::statfs(path.c_str(), &system) != 0 || ::stat(path.c_str(), &status) != 0) {
    return Error{ErrorKind::kInvalid,
                 path + ": its file system is unknown: " + std::strerror(errno)};
  }
  const auto magic = static_cast<std::uint32_t>(system.f_type);
  return fileSystemVerdict(magic, magic == kFuse ? mountedType(status.st_dev) : "");
}

}  // namespace modhost::host
