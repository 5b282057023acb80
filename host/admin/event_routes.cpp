#include "host/admin/event_routes.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "host/admin/admin_json.h"
#include "host/admin/event_filter.h"
#include "host/admin/event_json.h"
#include "host/base/log.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;
using Words = std::map<std::string, std::string>;

const std::vector<std::string> kListNames = {"state",      "module", "end",   "older_than",
                                             "newer_than", "order",  "limit", "cursor"};
const std::vector<std::string> kBulkNames = {"module",     "end",   "older_than",
                                             "newer_than", "limit", "cursor"};

enum class Action { kReplay = 1, kDrop };

// One dead letter that an action is for.
struct Letter {
  DeliveryKey key;
  std::string event_id;
};

int statusOf(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kFull ? 409 : 503;
}

// What an action's body says, besides a filter.
struct Order {
  std::vector<Target> to;
  bool all = false;
  Words filter;
};

Error invalid(const std::string& text) { return {ErrorKind::kInvalid, text}; }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Result<std::vector<Target>> namesIn(const Json& json) {
  std::set<Target> names;
  for (const Json& name : json.is_array() ? json : Json::array()) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  const bool fine =
      json.is_array() && !json.empty() && names.count("") == 0 &&
      std::all_of(json.begin(), json.end(), [](const Json& name) { return name.is_string(); });
  if (!fine) return invalid("to is no list of modules; accepted: [\"module-id\", …]");
  return std::vector<Target>(names.begin(), names.end());
}

// A filter's member as the query would say it.
Result<std::string> wordOf(const std::string& name, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return invalid(name + " is neither text nor a whole number; accepted: text such as \"15m\"");
}

Result<Order> orderIn(const std::string& body) {
  Result<Json> json = bodyObject(body);
  if (!json) return json.takeError();
  Order order;
  for (const auto& [name, value] : json.value().items()) {
    if (name == "to") {
      Result<std::vector<Target>> to = namesIn(value);
      if (!to) return to.takeError();
      order.to = to.take();
    } else if (name == "all") {
      if (!value.is_boolean()) return invalid("all is no truth; accepted: true, false");
      order.all = value.get<bool>();
    } else {
      Result<std::string> word = wordOf(name, value);
      if (!word) return word.takeError();
      order.filter[name] = word.take();
    }
  }
  return order;
}

// What became of the letters of one request.
class Outcome {
 public:
  explicit Outcome(Action action)
      : done_name_(action == Action::kReplay ? "replayed" : "dropped") {}

  void done(const Letter& letter) { done_.push_back(json(letter)); }
  void failed(const Letter& letter, const Error& error) {
    if (!first_error_) first_error_ = error;
    Json one = json(letter);
    one["error"] = error.message;
    failed_.push_back(std::move(one));
  }

  // Of one event: nothing done and something failed is its error.
  AdminReply reply() const {
    if (done_.empty() && first_error_) {
      return problem(statusOf(*first_error_), first_error_->message);
    }
    return jsonReply(200, {{done_name_, done_}, {"failed", failed_}});
  }

  // `next`: where the next slice begins, 0 for none. Failures are told one by one.
  AdminReply sliceReply(EventSeq next) const {
    Json json = {{done_name_, done_}, {"failed", failed_}};
    if (next != 0) json["next"] = std::to_string(next);
    return jsonReply(200, json);
  }

 private:
  static Json json(const Letter& letter) {
    return {{"seq", letter.key.seq}, {"id", letter.event_id}, {"module", letter.key.target}};
  }

  const char* done_name_;
  Json done_ = Json::array();
  Json failed_ = Json::array();
  std::optional<Error> first_error_;
};

// Threads: any.
class EventPages {
 public:
  EventPages(Clock& clock, DeadLetters& letters, EventRoutesSources sources)
      : clock_(clock), letters_(letters), sources_(std::move(sources)) {}

  AdminReply list(const AdminRequest& request) const {
    const WallTime now = clock_.wallNow();
    const Result<EventQuery> query = eventQuery(request.query, kListNames, now);
    if (!query) return problem(400, query.error().message);
    const Result<EventPage> page = letters_.page(query.value());
    if (!page) return problem(503, page.error().message);
    return jsonReply(200, pageJson(page.value(), now));
  }

  AdminReply show(const AdminRequest& request) const {
    const auto body_asked = request.query.find("body");
    const bool with_body = body_asked != request.query.end() && body_asked->second == "1";
    if (with_body && !sources_.show_bodies) {
      return problem(403,
                     "bodies hold what users wrote and are not given out; accepted: body=1 once "
                     "modules.yaml says admin_show_bodies: true");
    }
    const Result<EventStory> story = find(request.captured.at("id"));
    if (!story) return notFound(story.error());
    Json json = storyJson(story.value(), clock_.wallNow());
    json["calls"] = sources_.calls ? sources_.calls(story.value().seq) : Json::array();
    if (with_body) json["body"] = bodyOf(story.value());
    return jsonReply(200, json);
  }

  AdminReply actOnOne(const AdminRequest& request, Action action) const {
    const Result<Order> order = orderIn(request.body);
    if (!order) return problem(400, order.error().message);
    for (const auto& [name, value] : order.value().filter) {
      if (name == "module") continue;
      return problem(400, "unknown name \"" + name + "\"; accepted: module" +
                              (action == Action::kReplay ? ", to" : ""));
    }
    if (Result<void> fit = checkTo(order.value(), action); !fit) {
      return problem(400, fit.error().message);
    }
    const Result<EventStory> story = find(request.captured.at("id"));
    if (!story) return notFound(story.error());
    return actOn(story.value(), order.value(), action);
  }

  AdminReply actOnMany(const AdminRequest& request, Action action) const {
    const Result<Order> order = orderIn(request.body);
    if (!order) return problem(400, order.error().message);
    if (Result<void> fit = checkTo(order.value(), action); !fit) {
      return problem(400, fit.error().message);
    }
    Result<EventQuery> query = eventQuery(order.value().filter, kBulkNames, clock_.wallNow());
    if (!query) return problem(400, query.error().message);
    if (!order.value().all && !isNarrow(query.value())) {
      return problem(400,
                     "no filter; accepted: one or more of module, end, older_than, newer_than, or "
                     "\"all\": true for every dead letter");
    }
    return actOnSlice(query.take(), order.value(), action);
  }

 private:
  static bool isNarrow(const EventQuery& query) {
    return query.end || !query.target.empty() || query.received_from || query.received_until;
  }

  static AdminReply notFound(const Error& error) {
    return problem(error.kind == ErrorKind::kInvalid ? 404 : 503, error.message);
  }

  // An id may look like a seq; the id wins.
  Result<EventStory> find(const std::string& id) const {
    Result<EventSeq> seq = letters_.seqOf(id);
    if (seq) return letters_.story(seq.value());
    const bool number =
        !id.empty() && id.size() < 19 && id.find_first_not_of("0123456789") == std::string::npos;
    if (seq.error().kind != ErrorKind::kInvalid || !number) return seq.takeError();
    return letters_.story(std::stoll(id));
  }

  Json bodyOf(const EventStory& story) const {
    Result<std::string> body = letters_.body(story.seq);
    if (!body) return nullptr;
    return body.take();
  }

  std::vector<std::string> moduleIds() const {
    std::vector<std::string> ids;
    for (const AdminModule& module : modules()) ids.push_back(module.id);
    return ids;
  }

  std::vector<AdminModule> modules() const {
    return sources_.modules ? sources_.modules() : std::vector<AdminModule>{};
  }

  // Who a replay is sent to must serve, and at most one of them may answer.
  Result<void> checkTo(const Order& order, Action action) const {
    if (action == Action::kDrop && !order.to.empty()) return invalid("to is for replay only");
    const std::vector<AdminModule> serving = modules();
    std::vector<std::string> answering;
    for (const Target& name : order.to) {
      const auto found = std::find_if(serving.begin(), serving.end(),
                                      [&](const AdminModule& one) { return one.id == name; });
      if (found == serving.end()) {
        return invalid("to names \"" + name.substr(0, 63) +
                       "\", which does not serve; accepted: " + joined(moduleIds()));
      }
      if (found->answers) answering.push_back(name);
    }
    if (answering.size() < 2) return {};
    return invalid("to names " + joined(answering) +
                   ", which all answer; accepted: one that answers, and any others");
  }

  AdminReply actOn(const EventStory& story, const Order& order, Action action) const {
    const auto module = order.filter.find("module");
    std::vector<Letter> dead;
    std::vector<std::string> names;
    for (const DeliveryStory& delivery : story.deliveries) {
      if (delivery.view.state != DeliveryState::kDead) continue;
      if (module != order.filter.end() && module->second != delivery.view.target) continue;
      dead.push_back({{story.seq, delivery.view.target}, story.id});
      names.push_back(delivery.view.target);
    }
    if (dead.empty()) return problem(409, noDeadLetter(story));
    if (dead.size() > 1 && !order.to.empty()) {
      return problem(400, "to is given, and dead letters of " + joined(names) +
                              " match; accepted: one of them as module");
    }
    Outcome outcome(action);
    for (const Letter& letter : dead) act(letter, order, action, outcome);
    return outcome.reply();
  }

  static std::string noDeadLetter(const EventStory& story) {
    std::vector<std::string> held;
    for (const DeliveryStory& one : story.deliveries) {
      held.push_back(one.view.target + " (" + std::string(stateWord(one.view.state)) + ")");
    }
    return "no such dead letter; the event has " +
           (held.empty() ? "ended for every module" : "deliveries for " + joined(held));
  }

  AdminReply actOnSlice(EventQuery query, const Order& order, Action action) const {
    query.state = DeliveryState::kDead;
    query.oldest_first = true;
    const Result<EventPage> page = letters_.page(query);
    if (!page) return problem(503, page.error().message);
    Outcome outcome(action);
    for (const EventView& event : page.value().events) {
      for (const DeliveryView& delivery : event.deliveries) {
        act({{event.seq, delivery.target}, event.id}, order, action, outcome);
      }
    }
    return outcome.sliceReply(page.value().next);
  }

  void act(const Letter& letter, const Order& order, Action action, Outcome& outcome) const {
    const Result<void> done =
        action == Action::kReplay ? replay(letter.key, order.to) : letters_.drop(letter.key);
    if (!done) return outcome.failed(letter, done.error());
    outcome.done(letter);
    logInfo("admin", action == Action::kReplay ? "dead letter replayed" : "dead letter dropped",
            {{"event", letter.event_id}, {"module", letter.key.target}});
  }

  Result<void> replay(const DeliveryKey& key, const std::vector<Target>& to) const {
    const std::vector<std::string> serving = moduleIds();
    const bool serves = std::find(serving.begin(), serving.end(), key.target) != serving.end();
    if (to.empty() && !serves) {
      return invalid("no module " + key.target +
                     " serves it; accepted: \"to\" with one or more of " + joined(serving));
    }
    return letters_.replay(key, to);
  }

  Clock& clock_;
  DeadLetters& letters_;
  const EventRoutesSources sources_;
};

}  // namespace

void addEventRoutes(AdminRouter& router, Clock& clock, DeadLetters& letters,
                    EventRoutesSources sources) {
  const auto pages = std::make_shared<const EventPages>(clock, letters, std::move(sources));
  router.add("GET", "/api/v1/events", [pages](const AdminRequest& r) { return pages->list(r); });
  router.add("GET", "/api/v1/events/{id}",
             [pages](const AdminRequest& r) { return pages->show(r); });
  for (const auto& [action, word] :
       {std::pair(Action::kReplay, "/replay"), std::pair(Action::kDrop, "/drop")}) {
    const Action chosen = action;
    router.add("POST", std::string("/api/v1/events/{id}") + word,
               [pages, chosen](const AdminRequest& r) { return pages->actOnOne(r, chosen); });
    router.add("POST", std::string("/api/v1/events") + word,
               [pages, chosen](const AdminRequest& r) { return pages->actOnMany(r, chosen); });
  }
}

}  // namespace modhost::host
