#include "host/app/start_check.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <limits>

#include "host/app/process.h"
#include "host/base/startup_error.h"
#include "host/base/time_text.h"
#include "host/inbox/inbox_backup.h"

namespace modhost::host {
namespace {

// Clocks are set back a little all the time.
constexpr Milliseconds kClockSlack{60'000};

// The file, or what is there of its folders.
std::string nearestThere(const std::string& path) {
  std::error_code ignored;
  std::filesystem::path here = path;
  while (!std::filesystem::exists(here, ignored) && here.has_relative_path()) {
    here = here.parent_path();
  }
  return here.empty() ? "." : here.string();
}

std::int64_t freeBytes(const std::string& path) {
  struct statvfs space {};
  if (::statvfs(path.c_str(), &space) != 0) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(space.f_bavail) * static_cast<std::int64_t>(space.f_frsize);
}

std::optional<WallTime> newestEvent(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  const Result<InboxHoldings> holdings = inboxHoldings(path);
  return holdings ? holdings.value().newest : std::nullopt;
}

void addClock(const StartFacts& facts, std::vector<std::string>& warnings) {
  const std::string now = "the clock says " + isoTime(facts.now) + ", before ";
  if (facts.now < facts.built) {
    warnings.push_back(now + "this program was built (" + isoTime(facts.built) +
                       "): signatures' timestamps cannot be judged by it; set the clock");
  } else if (facts.newest_event && facts.now + kClockSlack < *facts.newest_event) {
    warnings.push_back(now + "the newest event of the inbox came (" + isoTime(*facts.newest_event) +
                       "): it went back, or was wrong then");
  }
}

}  // namespace

StartFacts startFacts(const Settings& settings, WallTime now) {
  const std::string there = nearestThere(settings.inbox.sqlite_path);
  StartFacts facts;
  facts.inbox_path = settings.inbox.sqlite_path;
  if (Result<FileSystemVerdict> verdict = fileSystemOf(there)) facts.file_system = verdict.take();
  facts.free_bytes = freeBytes(there);
  facts.disk_free_min_bytes = settings.inbox.disk_free_min_bytes;
  facts.files = fileLimit();
  facts.files_needed =
      settings.gate.connections_max + settings.platform.connections_max + kFilesOfTheHost;
  facts.now = now;
  facts.built = WallTime(std::chrono::seconds(MODHOST_BUILD_SECONDS));
  facts.newest_event = newestEvent(settings.inbox.sqlite_path);
  return facts;
}

std::vector<std::string> startWarnings(const StartFacts& facts) {
  if (facts.file_system.trust == FileSystemTrust::kRefused) {
    throw StartupError(facts.inbox_path,
                       "the inbox lies on " + facts.file_system.why + "; accepted: a local disk");
  }
  std::vector<std::string> warnings;
  if (facts.file_system.trust == FileSystemTrust::kDoubtful) {
    warnings.push_back("the inbox lies on " + facts.file_system.why);
  }
  if (facts.free_bytes < facts.disk_free_min_bytes) {
    warnings.push_back("the disk of the inbox has " + std::to_string(facts.free_bytes) +
                       " bytes free, less than inbox.disk_free_min: webhooks are answered 503");
  }
  if (facts.files < facts.files_needed) {
    warnings.push_back("the limit on open files is low: it is " + std::to_string(facts.files) +
                       ", " + std::to_string(facts.files_needed) +
                       " may be needed; strangers' connections may take what calls need");
  }
  addClock(facts, warnings);
  return warnings;
}

}  // namespace modhost::host
