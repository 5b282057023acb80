#include <algorithm>
#include <chrono>

#include "host/base/log.h"
#include "host/modules/module_limits.h"
#include "host/modules/worker_pool.h"

// The pool's side of the protocol: what each frame of a worker may say and when, and what it is
// sent. A worker runs foreign code, so a frame out of turn, or one that cannot be read, ends it.

namespace modhost::host {
namespace {

ModuleReply noReply(ModuleReply::Error error, std::string text) {
  ModuleReply reply;
  reply.error = error;
  reply.error_text = std::move(text);
  return reply;
}

}  // namespace

bool WorkerPool::onFrame(Member& member, const Frame& frame) {
  switch (frame.type) {
    case FrameType::kHello:
      return onHello(member, frame);
    case FrameType::kRefused:
      return onRefused(member, frame);
    case FrameType::kReady:
      return onReady(member);
    case FrameType::kResult:
      return onResult(member, frame);
    case FrameType::kCall:
      return onCall(member, frame);
    case FrameType::kLog:
      return onLog(member, frame);
    case FrameType::kMetric:
      return onMetric(frame);
    case FrameType::kBye:
      return member.state == State::kStopping;
    default:
      return false;  // those that only we send
  }
}

bool WorkerPool::onHello(Member& member, const Frame& frame) {
  if (member.state != State::kLoading) return false;
  const std::optional<HelloFrame> hello = decodeHello(frame.payload);
  if (!hello || hello->version != kWorkerProtocolVersion) return false;
  if (hello->description.id != description_.id) return false;
  member.state = State::kStarting;
  ConfigFrame config;
  config.config_json = config_json_;
  config.concurrency = member.alone ? 1 : concurrency_;
  member.process->send({FrameType::kConfig, 0, encode(config)});
  return true;
}

bool WorkerPool::onRefused(Member& member, const Frame& frame) {
  if (member.state != State::kLoading && member.state != State::kStarting) return false;
  const std::string why = bounded(frame.payload);
  logError("modules", "the module refused to start",
           {{"module", description_.id}, {"reason", why}});
  reportFirst(Error{ErrorKind::kInvalid, why});
  endByHost(member, "the module refused to start");
  return true;
}

bool WorkerPool::onReady(Member& member) {
  if (member.state != State::kStarting) return false;
  member.state = State::kServing;
  member.memory_at_ready = member.process->memory().address_space_bytes;
  logInfo("modules", member.alone ? "worker for a suspect ready" : "worker ready",
          {{"module", description_.id}, {"pid", member.process->pid()}});
  if (member.alone) {
    giveSuspect(member);
    return true;
  }
  reportFirst({});
  giveWaiting();
  return true;
}

void WorkerPool::giveSuspect(Member& member) {
  if (!waiting_alone_.empty()) {
    Running suspect = std::move(waiting_alone_.front());
    waiting_alone_.pop_front();
    give(member, std::move(suspect));
  }
  leaveIfDone(member);  // when nobody waits any more
}

bool WorkerPool::onResult(Member& member, const Frame& frame) {
  std::optional<AttemptEnd> end = decodeResult(frame.payload);
  if (!end) return false;
  end->text = bounded(end->text);
  member.worked = true;
  if (member.abandoned.erase(frame.id) != 0) {
    countStuck();
    leaveIfDone(member);
    return true;
  }
  const auto found = member.running.find(frame.id);
  if (found == member.running.end()) return false;
  const ModuleRunner::Ended ended = std::move(found->second.ended);
  member.running.erase(found);
  leaveIfDone(member);
  ended(std::move(*end));
  return true;
}

bool WorkerPool::onCall(Member& member, const Frame& frame) {
  std::optional<CallFrame> call = decodeCall(frame.payload);
  if (!call) return false;
  const auto found = member.running.find(call->token);
  if (found == member.running.end()) {
    sendReply(member, frame.id, noReply(ModuleReply::Error::kCancelled, "the attempt is over"));
    return true;
  }
  Running& running = found->second;
  const std::string refusal = refusalOf(member, running, call->call);
  if (!refusal.empty()) {
    sendReply(member, frame.id, noReply(ModuleReply::Error::kRefused, refusal));
    return true;
  }
  const std::size_t bytes = call->call.body.size();
  ++running.calls_in_flight;
  member.call_bytes += bytes;
  const auto answered = [this, mailbox = mailbox_, serial = member.serial, token = call->token,
                         call_id = frame.id, bytes](ModuleReply reply) {
    auto kept = std::make_shared<ModuleReply>(std::move(reply));
    mailbox->post([this, serial, token, call_id, bytes, kept] {
      onReply(serial, token, call_id, bytes, *kept);
    });
  };
  const std::shared_ptr<PlatformCalls> calls = running.attempt.calls;
  calls->call(std::move(call->call), answered);
  return true;
}

std::string WorkerPool::refusalOf(const Member& member, const Running& running,
                                  const ModuleCall& call) {
  if (running.calls_in_flight >= kAttemptCallsMax) return "too many calls in flight";
  if (member.call_bytes + call.body.size() > kWorkerCallBytesMax) {
    return "the bodies of the calls in flight are larger than " +
           std::to_string(kWorkerCallBytesMax) + " bytes";
  }
  return callRefusal(call);
}

// Which event it is about is what the host gave the worker, not what that says.
bool WorkerPool::onLog(const Member& member, const Frame& frame) {
  const std::optional<LogFrame> line = decodeLog(frame.payload);
  if (!line) return false;
  const auto running = member.running.find(frame.id);
  const auto abandoned = member.abandoned.find(frame.id);
  ModuleSink::About about;
  if (running != member.running.end())
    about = [&] { return running->second.attempt.calls->about(); };
  if (abandoned != member.abandoned.end()) about = [&] { return abandoned->second.about; };
  sink_->log(static_cast<LogLevel>(line->level), frame.id, about, line->message, line->fields);
  return true;
}

bool WorkerPool::onMetric(const Frame& frame) {
  const std::optional<MetricFrame> metric = decodeMetric(frame.payload);
  if (!metric) return false;
  sink_->metric(metric->kind, metric->name, metric->value);
  return true;
}

WorkerPool::Member* WorkerPool::serving() {
  for (const MemberPtr& member : members_) {
    if (member->alone || member->state != State::kServing || !member->process) continue;
    if (member->ended_by_host.empty() && member->process->channelFd() >= 0) return member.get();
  }
  return nullptr;
}

void WorkerPool::begin(Running running) {
  if (stopping_) {
    AttemptEnd end;
    end.kind = AttemptEnd::Kind::kInterrupted;
    end.text = "not begun when the module stopped";
    end.suspect = false;
    return running.ended(std::move(end));
  }
  if (running.attempt.alone) return waiting_alone_.push_back(std::move(running));
  waiting_.push_back(std::move(running));
  giveWaiting();
}

// Only as much as it reads. One that reads no more keeps what it has until that overruns; the rest
// goes to the worker after it.
void WorkerPool::giveWaiting() {
  while (!waiting_.empty()) {
    Member* const member = serving();
    if (member == nullptr || member->process->unsentBytes() >= kWorkerUnreadEventsMax) return;
    Running next = std::move(waiting_.front());
    waiting_.pop_front();
    give(*member, std::move(next));
  }
}

void WorkerPool::give(Member& member, Running running) {
  EventFrame event;
  event.number = running.attempt.number;
  event.deadline_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          running.attempt.deadline.time_since_epoch())
                          .count();
  event.event = *running.attempt.event;
  std::string payload = encode(event);
  if (payload.size() + kFrameHeadBytes > settings_.frame_max_bytes) {
    AttemptEnd end;
    end.text =
        "the event is larger than worker.frame_max allows: " + std::to_string(payload.size()) +
        " bytes";
    return running.ended(std::move(end));
  }
  const AttemptToken token = running.attempt.token;
  member.process->send({FrameType::kEvent, token, std::move(payload)});
  if (running.cancelled) member.process->send({FrameType::kCancel, token, ""});
  MODHOST_ASSERT(member.running.emplace(token, std::move(running)).second);
}

void WorkerPool::onCancel(AttemptToken token) {
  for (std::deque<Running>* queue : {&waiting_, &waiting_alone_}) {
    for (Running& running : *queue) {
      if (running.attempt.token == token) running.cancelled = true;
    }
  }
  for (const MemberPtr& member : members_) {
    const auto found = member->running.find(token);
    if (member->process == nullptr || found == member->running.end()) continue;
    if (std::exchange(found->second.cancelled, true)) continue;
    member->process->send({FrameType::kCancel, token, ""});
  }
}

void WorkerPool::onAbandon(AttemptToken token) {
  const auto is_it = [token](const Running& running) { return running.attempt.token == token; };
  for (std::deque<Running>* queue : {&waiting_, &waiting_alone_}) {
    queue->erase(std::remove_if(queue->begin(), queue->end(), is_it), queue->end());
  }
  for (const MemberPtr& member : members_) {
    const auto found = member->running.find(token);
    if (member->process == nullptr || found == member->running.end()) continue;
    if (!found->second.cancelled) member->process->send({FrameType::kCancel, token, ""});
    const Attempt& attempt = found->second.attempt;
    member->abandoned.emplace(token, Abandoned{attempt.event->id, attempt.calls->about()});
    member->running.erase(found);
    countStuck();
    retire(*member, "worker retired: an attempt in it overran");
    leaveIfDone(*member);
  }
}

void WorkerPool::onReply(std::uint64_t serial, AttemptToken token, std::uint64_t call_id,
                         std::size_t call_bytes, const ModuleReply& reply) {
  for (const MemberPtr& member : members_) {
    if (member->serial != serial || member->process == nullptr) continue;
    const auto found = member->running.find(token);
    if (found != member->running.end()) --found->second.calls_in_flight;
    member->call_bytes -= call_bytes;
    sendReply(*member, call_id, reply);
  }
}

void WorkerPool::sendReply(Member& member, std::uint64_t call_id, const ModuleReply& reply) {
  std::string payload = encode(reply);
  if (payload.size() + kFrameHeadBytes > settings_.frame_max_bytes) {
    payload = encode(noReply(ModuleReply::Error::kUnavailable,
                             "the platform's reply is larger than worker.frame_max allows"));
  }
  member.process->send({FrameType::kReply, call_id, std::move(payload)});
  if (member.process->unsentBytes() > kWorkerUnsentBytesMax) {
    endByHost(member, "it does not read what it is sent");
  }
}

}  // namespace modhost::host
