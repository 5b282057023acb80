#include <signal.h>

#include "host/base/log.h"
#include "host/modules/worker_pool.h"

// The end of a worker: what it had still said, who killed it, and who hears of it.

namespace modhost::host {
namespace {

constexpr const char* kArea = "modules";
// What a dead worker may have left in its channel, a socket buffer many times over.
constexpr int kDrainReadsMax = 64;
constexpr int kLastLinesReadsMax = 16;
// A line of the log names this many events; /status has more.
constexpr std::size_t kLoggedEventsMax = 8;

std::string joined(const std::vector<std::string>& events, std::size_t in_all) {
  std::string text;
  for (std::size_t i = 0; i < events.size() && i < kLoggedEventsMax; ++i) {
    text += (i == 0 ? "" : ",") + events[i];
  }
  if (in_all > kLoggedEventsMax)
    text += " and " + std::to_string(in_all - kLoggedEventsMax) + " more";
  return text;
}

}  // namespace

// Dead. What it had still said counts: results in the socket are results.
void WorkerPool::drainAndBury(Member& member) {
  WorkerProcess& process = *member.process;
  // What it forked may go on writing: its group ends first, and reading has an end.
  process.signal(SIGKILL);
  readLastWords(member);
  const std::optional<FaultNote> fault = process.readFault();
  const WorkerProcess::End end = process.reap();
  const std::optional<AttemptToken> guilty = guiltyOf(member, fault, end.signal);
  tellOfDeath(member, end.words, guilty);
  const bool started = member.state == State::kServing;
  const bool leaving = member.state == State::kRetired || member.state == State::kStopping;
  // Nobody waits for the worker of a suspect but that suspect, whose deaths have an end.
  if (!leaving && !(member.alone && started)) {
    backOff(member.worked || !member.running.empty());
    reportFirst(Error{ErrorKind::kUnavailable,
                      "its worker ended before it was ready: " +
                          (member.ended_by_host.empty() ? end.words : member.ended_by_host)});
  }
  member.process.reset();
  member.abandoned.clear();
  countStuck();
  interruptAll(member, end.words, guilty);
}

void WorkerPool::readLastWords(Member& member) {
  WorkerProcess& process = *member.process;
  for (int reads = 0; reads < kDrainReadsMax; ++reads) {
    if (process.readChannel() != WorkerProcess::Read::kSome) break;
    readFrames(member);
  }
  for (int reads = 0; process.stderrFd() >= 0 && reads < kLastLinesReadsMax; ++reads) {
    const std::vector<std::string> lines = process.readLines();
    if (lines.empty()) break;
    for (const std::string& line : lines) sink_->standardError(process.pid(), line);
  }
}

// The attempt whose thread got the fatal signal. The note comes from the worker, so one that names
// another signal than it died of, or a token that is not its own, names nobody.
std::optional<AttemptToken> WorkerPool::guiltyOf(const Member& member,
                                                 const std::optional<FaultNote>& fault,
                                                 int signal) {
  if (!fault || signal == 0 || fault->signal != signal) return std::nullopt;
  const bool its_own =
      member.running.count(fault->token) != 0 || member.abandoned.count(fault->token) != 0;
  return its_own ? std::optional(fault->token) : std::nullopt;
}

// The ids of the events that may have caused it: of the guilty one alone, or of all that were in
// it; when the host ended it for what overran, of that.
std::vector<std::string> WorkerPool::namedEvents(const Member& member,
                                                 std::optional<AttemptToken> guilty) {
  std::vector<std::string> ids;
  for (const auto& [token, abandoned] : member.abandoned) {
    if (!guilty || *guilty == token) ids.push_back(abandoned.event_id);
  }
  for (const auto& [token, running] : member.running) {
    if (member.blameless) break;
    if (!guilty || *guilty == token) ids.push_back(running.attempt.event->id);
  }
  return ids;
}

void WorkerPool::tellOfDeath(const Member& member, const std::string& how,
                             std::optional<AttemptToken> guilty) {
  const pid_t pid = member.process->pid();
  if (member.state == State::kStopping && !member.broke_protocol) {
    logInfo(kArea, "worker stopped", {{"module", description_.id}, {"pid", pid}, {"status", how}});
    return;
  }
  std::vector<std::string> events = namedEvents(member, guilty);
  const std::size_t in_all = events.size();
  if (in_all > kDeathEventsMax) events.resize(kDeathEventsMax);
  ended_.add();
  logWarn(kArea, "worker ended",
          {{"module", description_.id},
           {"pid", pid},
           {"status", how},
           {"reason", member.ended_by_host.empty() ? "its own" : member.ended_by_host},
           {"attempts", member.running.size()},
           {guilty ? "guilty" : "suspects", joined(events, in_all)}});
  std::string words = how;
  if (!member.ended_by_host.empty()) words += ", because " + member.ended_by_host;
  MutexLock lock(mutex_);
  ++health_.restarts;
  health_.last_death = RunnerHealth::Death{clock_.wallNow(), std::move(words), std::move(events)};
}

void WorkerPool::interruptAll(Member& member, const std::string& how,
                              std::optional<AttemptToken> guilty) {
  std::map<AttemptToken, Running> running;
  running.swap(member.running);
  for (auto& entry : running) {
    AttemptEnd end;
    end.kind = AttemptEnd::Kind::kInterrupted;
    end.text = how.starts_with("exited") ? "its worker " + how : "its worker was " + how;
    if (!member.ended_by_host.empty()) end.text += ", because " + member.ended_by_host;
    end.suspect = !member.blameless && (!guilty || *guilty == entry.first);
    entry.second.ended(std::move(end));
  }
}

}  // namespace modhost::host
