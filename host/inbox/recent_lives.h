// RecentLives: the deliveries that were stored last, as they stand in the file: who changes one of them
// next need not read it. Of two that meet in a place the later one stays.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/inbox/delivery_life.h"

namespace modhost::host {

class RecentLives {
 public:
  void keep(EventSeq seq, std::int64_t target, const DeliveryLife& life) {
    placeOf(seq, target) = {seq, target, life};
  }
  void forget(EventSeq seq, std::int64_t target) {
    if (Place& place = placeOf(seq, target); isOf(place, seq, target)) place = {};
  }
  void forgetAll() { places_.assign(kPlaces, {}); }
  std::optional<DeliveryLife> find(EventSeq seq, std::int64_t target) {
    const Place& place = placeOf(seq, target);
    return isOf(place, seq, target) ? std::optional(place.life) : std::nullopt;
  }

 private:
  static constexpr std::size_t kPlaces = 8'192;  // some hundred KiB; a module's window is 1,024

  struct Place {
    EventSeq seq = 0;  // of none
    std::int64_t target = 0;
    DeliveryLife life;
  };

  static bool isOf(const Place& place, EventSeq seq, std::int64_t target) {
    return place.seq == seq && place.target == target;
  }
  Place& placeOf(EventSeq seq, std::int64_t target) {
    return places_[static_cast<std::size_t>(seq + target) % kPlaces];
  }

  std::vector<Place> places_ = std::vector<Place>(kPlaces);
};

}  // namespace modhost::host
