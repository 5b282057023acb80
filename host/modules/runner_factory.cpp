#include "host/modules/runner_factory.h"

#include "host/modules/in_process_runner.h"
#include "host/modules/library.h"

namespace modhost::host {
namespace {

using RunnerResult = Result<std::unique_ptr<ModuleRunner>>;

Error invalid(std::string message) { return {ErrorKind::kInvalid, std::move(message)}; }

Error about(const std::string& place, const Error& error) {
  return place.empty() ? error : Error{error.kind, place + ": " + error.message};
}

Result<ModuleCopy> copyOf(const std::string& path, const RunnerSettings& settings) {
  const Result<RunDir> run_dir = RunDir::open(settings.run_dir);
  if (!run_dir.ok()) return run_dir.error();
  return ModuleCopy::make(path, run_dir.value());
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

RunnerResult startInProcess(const ModuleSettings& settings, ModuleCopy copy, Metrics& metrics,
                            Clock& clock) {
  auto library = SharedLibrary::load(copy.path(), copy.source(), copy.note());
  if (!library.ok()) return library.error();
  copy.keep();  // mapped from now on; debuggers and the loader know it by this path
  const Result<int> concurrency = fittingConcurrency(settings, library.value()->description());
  if (!concurrency.ok()) {
    library.value()->unload();
    return concurrency.error();
  }
  InProcessSettings in_process;
  in_process.concurrency = concurrency.value();
  in_process.config_json = settings.config_json.empty() ? "{}" : settings.config_json;
  auto runner =
      InProcessRunner::create(library.take(), std::move(in_process),
                              std::make_shared<HostModuleSink>(settings.id, metrics, clock), clock);
  if (!runner.ok()) return runner.error();
  return std::unique_ptr<ModuleRunner>(runner.take());
}

RunnerResult startWorker(const ModuleSettings& settings, ModuleCopy copy,
                         const WorkerSettings& worker, Metrics& metrics, Clock& clock) {
  Result<ModuleDescription> description = describeInWorker(copy, worker, clock);
  if (!description.ok()) return description.error();
  const Result<int> concurrency = fittingConcurrency(settings, description.value());
  if (!concurrency.ok()) return concurrency.error();
  auto runner = WorkerRunner::create(
      std::move(copy), description.take(), concurrency.value(),
      settings.config_json.empty() ? "{}" : settings.config_json, worker,
      std::make_shared<HostModuleSink>(settings.id, metrics, clock), metrics, clock);
  if (!runner.ok()) return runner.error();
  return std::unique_ptr<ModuleRunner>(runner.take());
}

}  // namespace

RunnerResult makeRunner(const ModuleSettings& settings, const RunnerSettings& runner_settings,
                        Metrics& metrics, Clock& clock) {
  const std::string& where = settings.config_where;
  Result<ModuleCopy> copy = copyOf(settings.path, runner_settings);
  if (!copy.ok()) return about(where, copy.error());
  if (copy.value().note().id != settings.id) {
    return about(where, invalid(settings.path + ": found module " + copy.value().note().id +
                                "; the configuration calls it " + settings.id));
  }
  RunnerResult runner =
      settings.isolation == Isolation::kWorker
          ? startWorker(settings, copy.take(), runner_settings.worker, metrics, clock)
          : startInProcess(settings, copy.take(), metrics, clock);
  if (!runner.ok()) return about(where, about("module " + settings.id, runner.error()));
  return runner;
}

Result<ModuleDescription> inspectModule(const std::string& path,
                                        const RunnerSettings& runner_settings, Clock& clock) {
  const Result<ModuleCopy> copy = copyOf(path, runner_settings);
  if (!copy.ok()) return copy.error();
  return describeInWorker(copy.value(), runner_settings.worker, clock);
}

}  // namespace modhost::host
