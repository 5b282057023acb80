#include "host/ingress/webhook.h"

#include <utility>

#include "host/base/log.h"

namespace modhost::host {

namespace {

constexpr char kArea[] = "ingress";
constexpr std::size_t kLoggedIdBytesMax = 64;

// Around one fsync on an SSD, and what a full queue of them adds.
const std::vector<double> kAckSecondsBounds = {0.001, 0.002, 0.005, 0.01, 0.025, 0.05,
                                               0.1,   0.25,  0.5,   1,    2.5,   5};

double seconds(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Answer refusal(SignatureVerdict verdict) {
  switch (verdict) {
    case SignatureVerdict::kMissing:
      return Answer::kNoSignature;
    case SignatureVerdict::kExpired:
      return Answer::kExpiredSecret;
    case SignatureVerdict::kBadTimestamp:
      return Answer::kBadTimestamp;
    case SignatureVerdict::kStale:
      return Answer::kStaleTimestamp;
    case SignatureVerdict::kWrong:
    case SignatureVerdict::kVerified:
      break;
  }
  return Answer::kWrongSignature;
}

// One that is not valid, or stands twice, is as if it were not there.
std::string acceptedTrace(const std::vector<std::string>& headers) {
  if (headers.size() != 1) return {};
  const auto trace = parseTraceparent(headers.front());
  return trace ? traceparentText(*trace, trace->parent_id) : std::string();
}

Answer inboxRefusal(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kDuplicate:
      return Answer::kDuplicate;
    case ErrorKind::kFull:
      return Answer::kInboxFull;
    case ErrorKind::kCorrupt:
      return Answer::kInboxFailed;
    default:
      return Answer::kInboxUnavailable;
  }
}

}  // namespace

Webhook::Webhook(Clock& clock, Metrics& metrics, Inbox& inbox, CurrentRoutes& routes,
                 const IngressSettings& settings)
    : clock_(clock),
      metrics_(metrics),
      inbox_(inbox),
      routes_(routes),
      stale_(
          metrics.counter("modhost_webhook_stale_total",
                          "Rightly signed webhooks refused for an old timestamp. Each one is lost: "
                          "when this grows, a clock is wrong.")),
      unrouted_total_(metrics.counter("modhost_unrouted_total", "Events that no route matched.")),
      ack_seconds_(metrics.histogram("modhost_ack_seconds",
                                     "From a complete webhook to its answer, the commit included.",
                                     kAckSecondsBounds)),
      rules_(rulesOf(settings)) {}

Webhook::RulesPtr Webhook::rulesOf(const IngressSettings& settings) {
  return std::make_shared<const Rules>(Rules{SignatureCheck(settings.secrets, settings.tolerance),
                                             settings.max_event_age, settings.unrouted});
}

Webhook::RulesPtr Webhook::rules() const {
  MutexLock lock(mutex_);
  return rules_;
}

void Webhook::apply(const IngressSettings& settings) {
  RulesPtr next = rulesOf(settings);
  MutexLock lock(mutex_);
  rules_.swap(next);
}

SecretCounts Webhook::secrets() const { return rules()->signature.countSecrets(clock_.wallNow()); }

TypeCounts Webhook::typeCounts(const std::string& label) {
  const auto counter = [&](const char* result) {
    return metrics_.counter("modhost_events_total",
                            "Verified events, by type and by what became of them.",
                            {{"type", label}, {"result", result}});
  };
  return {counter("stored"), counter("duplicate"), counter("unrouted"), counter("parked"),
          counter("refused")};
}

const TypeCounts& Webhook::countsOf(const Event& event,
                                    const std::shared_ptr<const RouteTable>& table) {
  const std::size_t label = table->typeLabel(event.type);
  MutexLock lock(mutex_);
  if (counts_.empty() || counts_.back().table != table) {
    counts_.push_back({table, {}});
    for (const std::string& name : table->typeLabels()) {
      counts_.back().by_label.push_back(typeCounts(name));
    }
  }
  return counts_.back().by_label[label];
}

std::variant<WebhookReply, Storable> Webhook::judge(WebhookRequest request) {
  if (draining_) return WebhookReply{Answer::kDraining, {}};
  const SteadyTime begun = clock_.steadyNow();
  const WallTime now = clock_.wallNow();
  const RulesPtr rules = this->rules();
  const SignatureVerdict verdict = rules->signature.verify(request.headers, request.body, now);
  if (verdict != SignatureVerdict::kVerified) {
    const Answer answer = refusal(verdict);
    if (verdict == SignatureVerdict::kStale) stale_.add();
    logRefusal(request, answer, begun);
    return WebhookReply{answer, {}};
  }
  auto judged = verified(std::move(request), now, *rules);
  if (auto* storable = std::get_if<Storable>(&judged)) {
    storable->begun = begun;
  } else {
    ack_seconds_.observe(seconds(clock_.steadyNow() - begun));
  }
  return judged;
}

void Webhook::store(Storable storable, std::function<void(const WebhookReply&)> done) {
  inbox_.acceptThen(
      storable.event, std::move(storable.targets),
      [this, event = storable.event, begun = storable.begun, counts = storable.counts,
       done = std::move(done)](const Result<Accepted>& accepted) {
        ack_seconds_.observe(seconds(clock_.steadyNow() - begun));
        if (!accepted) return done(notStored(*event, accepted.error(), *counts));
        counts->stored.add();
        if (logEnabled(LogLevel::kDebug, kArea)) {
          logDebug(kArea, "stored", aboutEvent(*event), {{"seq", accepted.value().seq}});
        }
        done({Answer::kStored, {}});
      });
}

// `why` is the inbox's own text: it names limits and errors, never an event's content. A full disk
// refuses every event, and has no room for a line about each.
WebhookReply Webhook::notStored(const Event& event, const Error& error, const TypeCounts& counts) {
  const Answer answer = inboxRefusal(error);
  (answer == Answer::kDuplicate ? counts.duplicate : counts.refused).add();
  if (answer == Answer::kDuplicate) {
    logDebug(kArea, "duplicate", aboutEvent(event));
  } else if (const auto left_out = not_stored_lines_.take(clock_.steadyNow())) {
    logWarn(kArea, "not stored; told to come again", aboutEvent(event),
            {{"why", error.message}, {"left_out", *left_out}});
  }
  return {answer, {}};
}

void Webhook::logRefusal(const WebhookRequest& request, Answer answer, SteadyTime now) {
  const std::optional<int> left_out = refusal_lines_.take(now);
  if (!left_out) return;
  logWarn(kArea, "refused",
          {{"why", httpStatus(answer).label},
           {"peer", request.peer},
           {"announced_id", request.announced_id.substr(0, kLoggedIdBytesMax)},
           {"left_out", *left_out}});
}

std::variant<WebhookReply, Storable> Webhook::verified(WebhookRequest request, WallTime received_at,
                                                       const Rules& rules) {
  const std::string trace = acceptedTrace(request.traceparents);
  Result<ParsedEvent> parsed = parseEvent(std::move(request.body), received_at, trace);
  if (!parsed) {  // a body that is refused stays where it was
    Event kept =
        unreadableEvent(std::move(request.body), received_at);  // NOLINT(bugprone-use-after-move)
    kept.traceparent = trace;
    return park(kept, parsed.error().message, countsOf(kept, routes_.get()));
  }
  if (tooOld(parsed.value(), rules.max_event_age)) {
    const Event& event = *parsed.value().event;
    return park(event, "too old", countsOf(event, routes_.get()));
  }
  return route(parsed.value(), rules.unrouted);
}

std::variant<WebhookReply, Storable> Webhook::route(const ParsedEvent& parsed, Unrouted policy) {
  const std::shared_ptr<const RouteTable> table = routes_.get();
  std::vector<Target> targets = table->targets(*parsed.event);
  const TypeCounts& counts = countsOf(*parsed.event, table);
  if (targets.empty()) return unrouted(parsed.event, policy, counts);
  return Storable{parsed.event, std::move(targets), &counts, {}};
}

// Counted after it is safe: a refused dead letter comes again and would be counted twice.
WebhookReply Webhook::unrouted(const EventPtr& event, Unrouted policy, const TypeCounts& counts) {
  if (policy == Unrouted::kDeadLetter) {
    const Result<Accepted> parked = inbox_.park(*event, kUnroutedTarget, "no route matches");
    if (!parked) return notStored(*event, parked.error(), counts);
  }
  unrouted_total_.add();
  counts.unrouted.add();
  logInfo(kArea, "no route matches", aboutEvent(*event), {{"type", event->type}});
  return {Answer::kUnrouted, {}};
}

WebhookReply Webhook::park(const Event& event, std::string_view why, const TypeCounts& counts) {
  const Result<Accepted> parked = inbox_.park(event, kParkedTarget, why);
  if (!parked && parked.error().kind != ErrorKind::kDuplicate) {
    return notStored(event, parked.error(), counts);
  }
  counts.parked.add();
  logWarn(kArea, "parked", aboutEvent(event), {{"why", why}});
  return {Answer::kParked, std::string(why)};
}

// A body that says nothing of its age is not held against its sender.
bool Webhook::tooOld(const ParsedEvent& parsed, Milliseconds age_max) {
  if (age_max.count() <= 0) return false;
  if (!parsed.created_at) return false;
  using Seconds = std::chrono::seconds;
  const auto now =
      std::chrono::duration_cast<Seconds>(parsed.event->received_at.time_since_epoch());
  return *parsed.created_at < (now - std::chrono::duration_cast<Seconds>(age_max)).count();
}

}  // namespace modhost::host
