#include "host/modules/runner_factory.h"

#include <strings.h>

#include "host/base/crypto.h"
#include "host/modules/config_schema.h"
#include "host/modules/elf_note.h"
#include "host/modules/in_process_runner.h"
#include "host/modules/library.h"

namespace modhost::host {
namespace {

using RunnerResult = Result<std::unique_ptr<ModuleRunner>>;

Error invalid(std::string message) { return {ErrorKind::kInvalid, std::move(message)}; }

Error about(const std::string& place, const Error& error) {
  return place.empty() ? error : Error{error.kind, place + ": " + error.message};
}

bool isPinned(const std::string& digest, const std::string& sha256) {
  return sha256.empty() || ::strcasecmp(digest.c_str(), sha256.c_str()) == 0;
}

Result<ModuleCopy> copyOf(const std::string& path, const std::string& sha256,
                          const RunnerSettings& settings) {
  const Result<RunDir> run_dir = RunDir::open(settings.run_dir);
  if (!run_dir.ok()) return run_dir.error();
  Result<ModuleCopy> copy = ModuleCopy::make(path, run_dir.value());
  if (!copy.ok() || isPinned(copy.value().digest(), sha256)) return copy;
  return invalid(path + ": found a file with SHA-256 " + copy.value().digest() +
                 "; the configuration accepts " + sha256 +
                 " alone (modhost modules --pin takes over a file you trust)");
}

// What the operator asks for against what the module says it can do.
Result<int> fittingConcurrency(const ModuleSettings& settings,
                               const ModuleDescription& about_module) {
  const bool worker = settings.isolation == Isolation::kWorker;
  if (worker ? !about_module.worker_allowed : !about_module.in_process_allowed) {
    return invalid(std::string("found isolation ") + (worker ? "worker" : "in_process") +
                   ", but the module accepts only " + (worker ? "in_process" : "worker"));
  }
  if (settings.concurrency < 0 || settings.concurrency > about_module.concurrency_max) {
    return invalid("found concurrency " + std::to_string(settings.concurrency) +
                   "; the module accepts 1 to " + std::to_string(about_module.concurrency_max));
  }
  return settings.concurrency == 0 ? about_module.concurrency_max : settings.concurrency;
}

Error ofModule(const ModuleSettings& settings, const Error& error) {
  return about(settings.config_where, about("module " + settings.id, error));
}

// The concurrency to run with, when isolation, concurrency and config are what the module accepts.
// The config is held against the schema here, where the place of each of its members is known.
Result<int> fit(const ModuleSettings& settings, const ModuleDescription& description) {
  Result<int> concurrency = fittingConcurrency(settings, description);
  if (!concurrency.ok()) return ofModule(settings, concurrency.error());
  std::string pointer;
  const bool worker = settings.isolation == Isolation::kWorker;
  const Result<void> fits =
      checkConfig(description.config_schema, settings.config_json,
                  worker ? Patterns::kLeftToWorker : Patterns::kChecked, &pointer);
  if (fits.ok()) return concurrency;
  const std::string where =
      settings.config_position ? settings.config_position(pointer) : settings.config_where;
  return about(where, about("module " + settings.id, fits.error()));
}

RunnerResult startInProcess(const ModuleSettings& settings, ModuleCopy copy,
                            Milliseconds start_timeout, Metrics& metrics, Clock& clock) {
  auto library = SharedLibrary::load(copy.path(), copy.source(), copy.note());
  if (!library.ok()) return ofModule(settings, library.error());
  const Result<int> concurrency = fit(settings, library.value()->description());
  if (!concurrency.ok()) {
    library.value()->unload();
    return concurrency.error();
  }
  InProcessSettings in_process;
  in_process.concurrency = concurrency.value();
  in_process.config_json = settings.config_json.empty() ? "{}" : settings.config_json;
  in_process.start_timeout = start_timeout;
  in_process.copy = std::make_shared<ModuleCopy>(std::move(copy));
  auto runner =
      InProcessRunner::create(library.take(), std::move(in_process),
                              std::make_shared<HostModuleSink>(settings.id, metrics, clock), clock);
  if (!runner.ok()) return ofModule(settings, runner.error());
  return std::unique_ptr<ModuleRunner>(runner.take());
}

RunnerResult startWorker(const ModuleSettings& settings, ModuleCopy copy,
                         const WorkerSettings& worker, Metrics& metrics, Clock& clock) {
  Result<ModuleDescription> description = describeInWorker(copy, worker, clock);
  if (!description.ok()) return ofModule(settings, description.error());
  const Result<int> concurrency = fit(settings, description.value());
  if (!concurrency.ok()) return concurrency.error();
  auto runner = WorkerRunner::create(
      std::move(copy), description.take(), concurrency.value(),
      settings.config_json.empty() ? "{}" : settings.config_json, worker,
      std::make_shared<HostModuleSink>(settings.id, metrics, clock), metrics, clock);
  if (!runner.ok()) return ofModule(settings, runner.error());
  return std::unique_ptr<ModuleRunner>(runner.take());
}

}  // namespace

Result<ModuleCopy> copyModule(const ModuleSettings& settings,
                              const RunnerSettings& runner_settings) {
  const std::string& where = settings.config_where;
  Result<ModuleCopy> copy = copyOf(settings.path, settings.sha256, runner_settings);
  if (!copy.ok()) return about(where, copy.error());
  if (copy.value().note().id == settings.id) return copy;
  return about(where, invalid(settings.path + ": found module " + copy.value().note().id +
                              "; the configuration calls it " + settings.id));
}

RunnerResult makeRunner(const ModuleSettings& settings, ModuleCopy copy,
                        const RunnerSettings& runner_settings, Metrics& metrics, Clock& clock) {
  if (settings.isolation == Isolation::kInProcess) {
    return startInProcess(settings, std::move(copy), runner_settings.worker.start_timeout, metrics,
                          clock);
  }
  return startWorker(settings, std::move(copy), runner_settings.worker, metrics, clock);
}

RunnerResult makeRunner(const ModuleSettings& settings, const RunnerSettings& runner_settings,
                        Metrics& metrics, Clock& clock) {
  Result<ModuleCopy> copy = copyModule(settings, runner_settings);
  if (!copy.ok()) return copy.error();
  return makeRunner(settings, copy.take(), runner_settings, metrics, clock);
}

Result<ModuleDescription> inspectModule(const std::string& path, const std::string& sha256,
                                        const RunnerSettings& runner_settings, Clock& clock) {
  const Result<ModuleCopy> copy = copyOf(path, sha256, runner_settings);
  if (!copy.ok()) return copy.error();
  return describeInWorker(copy.value(), runner_settings.worker, clock);
}

Result<std::string> moduleDigest(const std::string& path) {
  const Result<std::string> bytes = readModuleFile(path);
  if (!bytes.ok()) return bytes.error();
  return hex(sha256(bytes.value()));
}

}  // namespace modhost::host
