// Webhook: what becomes of one complete POST: verified, parsed, routed, stored, answered. Knows
// neither sockets nor Poco.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/base/clock.h"
#include "host/base/metrics.h"
#include "host/base/mutex.h"
#include "host/inbox/inbox.h"
#include "host/ingress/http_status.h"
#include "host/ingress/ingress.h"
#include "host/base/log_budget.h"
#include "host/ingress/signature.h"
#include "host/routes/route_table.h"

namespace modhost::host {

struct WebhookRequest {
  SignatureHeaders headers;
  std::string body;          // the bytes that were signed
  std::string announced_id;  // X-Unique-Id; not signed, so it is logged and nothing else
  std::string peer;          // for the log
  std::vector<std::string> traceparents = {};  // every header of this name
};

struct WebhookReply {
  Answer answer = Answer::kInternal;
  std::string why;  // of kParked: fixed words
};

// What becomes of verified events, counted by their type.
struct TypeCounts {
  Counter stored, duplicate, unrouted, parked, refused;
};

// What has passed every check and is to be stored.
struct Storable {
  EventPtr event;
  std::vector<Target> targets;
  const TypeCounts* counts = nullptr;  // the Webhook's
  SteadyTime begun{};                  // when its webhook came
};

// Threads: any, at once.
class Webhook {
 public:
  Webhook(Clock& clock, Metrics& metrics, Inbox& inbox, CurrentRoutes& routes,
          const IngressSettings& settings);

  // What is refused, or kept for people to see (which blocks for the inbox's fsync), is answered at
  // once; the rest goes to store(). Both throw only what the allocator throws.
  std::variant<WebhookReply, Storable> judge(WebhookRequest request);

  // `done` runs when the inbox has committed, or refused: on its writer's thread, or at once.
  void store(Storable storable, std::function<void(const WebhookReply&)> done);

  // Takes secrets, tolerance, max_event_age and unrouted of `settings` for what comes from now on.
  void apply(const IngressSettings& settings);
  SecretCounts secrets() const;

  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

 private:
  // What a reload may change; whole, so that one request is judged by one configuration.
  struct Rules {
    SignatureCheck signature;
    Milliseconds max_event_age;
    Unrouted unrouted;
  };
  using RulesPtr = std::shared_ptr<const Rules>;

  // Handles of one route table, made when its first event comes.
  struct CountsOfTable {
    std::shared_ptr<const RouteTable> table;
    std::vector<TypeCounts> by_label;
  };

  TypeCounts typeCounts(const std::string& label);
  const TypeCounts& countsOf(const Event& event, const std::shared_ptr<const RouteTable>& table)
      EXCLUDES(mutex_);
  static RulesPtr rulesOf(const IngressSettings& settings);
  RulesPtr rules() const EXCLUDES(mutex_);
  std::variant<WebhookReply, Storable> verified(WebhookRequest request, WallTime received_at,
                                                const Rules& rules);
  std::variant<WebhookReply, Storable> route(const ParsedEvent& parsed, Unrouted policy);
  WebhookReply unrouted(const EventPtr& event, Unrouted policy, const TypeCounts& counts);
  WebhookReply park(const Event& event, std::string_view why, const TypeCounts& counts);
  WebhookReply notStored(const Event& event, const Error& error, const TypeCounts& counts);
  void logRefusal(const WebhookRequest& request, Answer answer, SteadyTime now);
  static bool tooOld(const ParsedEvent& parsed, Milliseconds age_max);

  Clock& clock_;
  Metrics& metrics_;
  Inbox& inbox_;
  CurrentRoutes& routes_;
  Counter stale_, unrouted_total_;
  Histogram ack_seconds_;
  LogBudget refusal_lines_, not_stored_lines_;
  std::atomic<bool> draining_{false};

  mutable Mutex mutex_;
  RulesPtr rules_ GUARDED_BY(mutex_);
  // The latest one serves; what is in flight may still count with those before, one per reload.
  std::deque<CountsOfTable> counts_ GUARDED_BY(mutex_);
};

}  // namespace modhost::host
