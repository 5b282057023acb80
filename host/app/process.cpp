#include "host/app/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "host/modules/sanitized.h"

namespace modhost::host {

void protectSecrets() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // The sanitizers' runtime reads /proc/self, which would belong to root.
  if (!kSanitized) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void raiseFileLimit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

std::int64_t fileLimit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_cur == RLIM_INFINITY ? INT64_MAX : static_cast<std::int64_t>(files.rlim_cur);
}

}  // namespace modhost::host
