// A power cut at a random moment of a random life: whatever part of what was not synced reached the
// disk, in whatever order, the inbox opens, knows every acknowledged event and hands out every one
// that was not settled. A failure prints the seed that repeats it.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/contract/inbox_means.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/inbox_books.h"

namespace modhost::host {
namespace {

using To = Settlement::To;

constexpr int kStepsMax = 400;
constexpr int kCallsMax = 600;
constexpr Milliseconds kCheckpointPeriod{200};

std::string idOf(std::int64_t number) { return "e" + std::to_string(number); }

void writeAll(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

// One life, up to the cut and a little beyond it.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed) {
    settings_.path = folder_.file("inbox.db");
    settings_.vfs = disk_.name();
    settings_.disk_free_min_bytes = 0;
    settings_.checkpoint_period = kCheckpointPeriod;
    settings_.wal_pages_max = 30;  // so that the WAL starts over within a life
    open();
  }

  // Until the power went.
  void run() {
    disk_.cutPower(1 + pick(kCallsMax), static_cast<unsigned>(random_()),
                   [this] { sure_ = acknowledged_.load(); });
    for (int i = 0; i < kStepsMax && !disk_.image(); ++i) step();
  }

  // Goes on from what the disk holds after the cut. False: this life was too short for it.
  bool restart() {
    const std::optional<DiskImage> image = disk_.image();
    if (!image) return false;
    inbox_.reset();
    ++life_;
    settings_.path = folder_.file("inbox" + std::to_string(life_) + ".db");
    writeAll(settings_.path, image->database);
    writeAll(settings_.path + "-wal", image->wal);
    settings_.vfs.clear();
    open();
    return true;
  }

  void checkPromises() {
    checkBooks(settings_.path);
    std::set<EventSeq> handed;
    for (std::vector<Delivery> taken = next(); !taken.empty(); taken = next()) {
      for (const Delivery& delivery : taken) CHECK(handed.insert(delivery.key.seq).second);
    }
    for (std::int64_t number = 0; number < sure_; ++number) {
      const EventSeq seq = seqs_.at(number);
      const Result<Accepted> again = accept(number);
      CHECK_MESSAGE((!again.ok() && again.error().kind == ErrorKind::kDuplicate), idOf(number),
                    " was acknowledged and is lost");
      if (settled_.count(seq) == 0)
        CHECK_MESSAGE(handed.count(seq) == 1, seq, " is not handed out");
    }
  }

  std::int64_t acknowledgedBeforeCut() const { return sure_; }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  void open() {
    if (!settings_.vfs.empty()) disk_.followDisk(settings_.path);
    Result<std::unique_ptr<SqliteInbox>> opened = SqliteInbox::open(settings_, clock_, metrics_);
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    inbox_ = opened.take();
  }

  std::vector<Delivery> next() { return inbox_->next("a", 64).take(); }

  Result<Accepted> accept(std::int64_t number) {
    return inbox_->accept(eventNamed(idOf(number), clock_.wallNow()), std::vector<Target>{"a"});
  }

  void step() {
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const std::int64_t number = acknowledged_;
        seqs_[number] = accept(number).take().seq;
        waiting_.push_back(seqs_[number]);
        ++acknowledged_;
        return;
      }
      case 4:
        return begin();
      case 5:
        return settle();
      case 6:
        return record();
      default:
        clock_.advance(kCheckpointPeriod);
        return;
    }
  }

  void begin() {
    if (waiting_.empty()) return;
    const DeliveryKey key{waiting_.back(), "a"};
    waiting_.pop_back();
    REQUIRE(inbox_->begin(std::vector<Begin>{{key, false}}).ok());
    running_.push_back(key.seq);
  }

  void settle() {
    if (running_.empty()) return;
    const DeliveryKey key{running_.back(), "a"};
    running_.pop_back();
    settled_.insert(key.seq);
    inbox_->settle({{key, pick(2) == 0 ? To::kDone : To::kDead, End::kFailed, {}, "why"}});
  }

  void record() {
    if (running_.empty()) return;
    Step step;
    step.key = {"msg", pick(3), 0};
    step.log_id = "log";
    inbox_->record({{{running_.back(), "a"}, step, AnswerState::kIntended}}, nullptr);
  }

  std::mt19937 random_;
  TempFolder folder_;
  FakeClock clock_;
  Metrics metrics_;
  FaultyVfs disk_;
  SqliteInboxSettings settings_;
  int life_ = 1;
  std::atomic<std::int64_t> acknowledged_{0};
  std::atomic<std::int64_t> sure_{0};  // acknowledged when the power went
  std::map<std::int64_t, EventSeq> seqs_;
  std::vector<EventSeq> waiting_, running_;
  std::set<EventSeq> settled_;
  std::unique_ptr<SqliteInbox> inbox_;
};

}  // namespace

TEST_SUITE("inbox power cut") {
  TEST_CASE("inbox: after a power cut at any moment every acknowledged event is there") {
    const unsigned first = std::random_device{}();
    int cut = 0;
    std::int64_t acknowledged = 0;
    for (unsigned seed = first; seed < first + 40; ++seed) {
      CAPTURE(seed);
      Life life(seed);
      life.run();
      if (!life.restart()) continue;
      ++cut;
      acknowledged += life.acknowledgedBeforeCut();
      life.checkPromises();
    }
    MESSAGE("lives cut: ", cut, ", events acknowledged before: ", acknowledged);
    CHECK(cut > 20);
  }
}

}  // namespace modhost::host
