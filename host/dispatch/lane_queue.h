// LaneQueue: which of one module's waiting deliveries runs next. Pure bookkeeping: no clock, no
// thread, no I/O.
//
// Every delivery stands in a line. Deliveries of one chat (of one company) share a line; one
// without a chat, or of a module that does not order by chat, has a line to itself. Of a line at
// most one delivery is out at a time, lowest sequence first. One that is not ready yet (a retry's
// back-off) holds its line up, unless it has become stale: then those behind it may pass.
//
// The lines that have something ready wait for their company's turn; companies take turns one
// delivery each, so that one company's flood delays another's delivery by one, not by the flood.
//
// A delivery that must run alone is given out by startAlone() only, whose caller has few places for
// such; it keeps its place in its line, and nothing else waits for it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "host/dispatch/timers.h"
#include "host/inbox/inbox.h"

namespace modhost::host {

class LaneQueue {
 public:
  struct Entry {
    EventSeq seq = 0;
    std::string company;
    std::string chat;       // empty: a line to itself
    SteadyTime ready_at{};  // not before
    SteadyTime stale_at{};  // from then on it holds nobody up
    bool alone = false;     // for startAlone()
  };

  LaneQueue() = default;
  // Its items point to its lines.
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;

  // `entry.seq` is new here.
  void add(Entry entry);

  // Whether start() would give something.
  bool startable(SteadyTime now);

  // Takes out the next to run now. Its line stands still until again() or remove().
  std::optional<EventSeq> start(SteadyTime now);

  // The same two among those that must run alone.
  bool aloneStartable(SteadyTime now);
  std::optional<EventSeq> startAlone(SteadyTime now);

  // One that is out waits again, in its old place.
  void again(EventSeq seq, SteadyTime ready_at, bool alone = false);

  // Forgets one, out or waiting.
  void remove(EventSeq seq);

  // Those that have become stale while waiting, each told once per wait.
  std::vector<EventSeq> takeStale(SteadyTime now);

  // When startable(), aloneStartable() or takeStale() may change by time alone.
  std::optional<SteadyTime> wakeAt() const;

 private:
  // Company, chat, and the sequence of one that stands alone (0 for a chat's line).
  using LineName = std::tuple<std::string, std::string, EventSeq>;

  struct Line {
    std::set<EventSeq> waiting;
    std::optional<EventSeq> out;
    std::optional<EventSeq> offered;  // the one of `waiting` that stands in turns
  };
  using Lines = std::map<LineName, Line>;
  struct Item {
    Lines::iterator line;  // stays while one of it is in items_
    SteadyTime stale_at{};
    bool alone = false;
    bool ready = false;
    bool stale = false;
  };
  // What is ready, company by company.
  class Turns {
   public:
    bool empty() const { return ready_ == 0; }
    void add(const std::string& company, EventSeq seq);
    void drop(const std::string& company, EventSeq seq);
    // The first of the company whose turn it is. It stays until it is dropped.
    std::optional<EventSeq> next();

   private:
    struct Company {
      std::set<EventSeq> ready;  // at most one per line
      bool in_turn = false;      // stands in order_
    };
    using Companies = std::map<std::string, Company>;
    Companies companies_;
    std::deque<Companies::iterator> order_;
    std::size_t ready_ = 0;  // over all companies
  };

  std::optional<EventSeq> startFrom(Turns& turns, SteadyTime now);
  void wait(EventSeq seq, Item& item, SteadyTime ready_at);
  void advance(SteadyTime now);
  void offer(Lines::iterator line);
  void withdraw(Lines::iterator line);
  std::optional<EventSeq> firstOf(const Line& line) const;
  Turns& turnsOf(EventSeq seq) { return items_.at(seq).alone ? alone_ : common_; }

  std::map<EventSeq, Item> items_;
  Lines lines_;  // none is empty: something waits, or is out
  Turns common_;
  Turns alone_;
  Timers<EventSeq> ready_at_;
  Timers<EventSeq> stale_at_;
};

}  // namespace modhost::host
