// ModulesWatch: notices that a module's file was brought into a folder. It waits until the folder has
// been quiet for a moment, so that several files that come together are one change.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "host/base/fd.h"
#include "host/base/result.h"
#include "host/base/thread.h"

namespace modhost::host {

class ModulesWatch {
 public:
  // `changed` runs on the watch's thread after a file named *.so was renamed into `folder`, or closed
  // after writing there; it must not block. Names of deleted files do not count. kUnavailable: the
  // folder cannot be watched, with the reason.
  static Result<std::unique_ptr<ModulesWatch>> start(const std::string& folder,
                                                     std::function<void()> changed);
  // Returns when `changed` will not run any more; not to be called from it.
  ~ModulesWatch();

  const std::string& folder() const { return folder_; }
  // False once the folder itself was removed or renamed: nothing is noticed any more.
  bool alive() const { return alive_; }

 private:
  ModulesWatch(std::string folder, std::function<void()> changed, Fd events, Fd stop);
  void run();
  bool readEvents();

  const std::string folder_;
  const std::function<void()> changed_;
  const Fd events_, stop_;
  std::atomic<bool> alive_{true};
  Thread thread_;
};

}  // namespace modhost::host
