// makeRunner: from what modules.yaml says about a module to one that runs, or to words that say why
// not.
#pragma once

#include <memory>
#include <string>

#include "host/modules/library.h"
#include "host/modules/module_runner.h"
#include "host/modules/worker_runner.h"

namespace modhost::host {

struct RunnerSettings {
  std::string run_dir;  // for private copies of modules' files; made if needed
  WorkerSettings worker;
};

// Reads the file's note, checks the ABI, the id, the isolation and the concurrency against what the
// module allows, checks the config against its schema, loads and starts it. Blocks until it is
// ready. For Isolation::kWorker all code of the module runs in worker processes, its constructors
// included.
//
// Errors are for the operator: where (config_where when given), the file, what was found, what is
// accepted. kInvalid: will never work as it is; kUnavailable: no process, file or time for it now.
Result<std::unique_ptr<ModuleRunner>> makeRunner(const ModuleSettings& settings,
                                                 const RunnerSettings& runner_settings,
                                                 Metrics& metrics, Clock& clock);

// The first step of makeRunner() by itself: the copy, with its note read and its digest known, so
// that a reload can see what has changed before it loads anything. Errors as of makeRunner().
Result<ModuleCopy> copyModule(const ModuleSettings& settings,
                              const RunnerSettings& runner_settings);

// The other steps. `copy` is what copyModule() made of these settings.
Result<std::unique_ptr<ModuleRunner>> makeRunner(const ModuleSettings& settings, ModuleCopy copy,
                                                 const RunnerSettings& runner_settings,
                                                 Metrics& metrics, Clock& clock);

// What the file says of itself, without an instance: its note, then its descriptor, which a worker
// process reads. Nothing of a file with another SHA-256 than `sha256` runs; empty: any. For
// `modhost check` and listings. Errors as of makeRunner().
Result<ModuleDescription> inspectModule(const std::string& path, const std::string& sha256,
                                        const RunnerSettings& runner_settings, Clock& clock);

// The SHA-256 of a module's file, in hex. kInvalid: it is none that may be loaded.
Result<std::string> moduleDigest(const std::string& path);

}  // namespace modhost::host
