#include "host/inbox/pending_records.h"

#include <doctest/doctest.h>

#include <atomic>

#include "host/base/thread.h"

namespace modhost::host {

TEST_SUITE("inbox") {
  TEST_CASE("pending records: a read waits for what was made before it and for nothing later") {
    PendingRecords pending;
    std::atomic<bool> read = false;
    pending.add(1);
    pending.add(2);
    Thread reader("reader", [&] {
      pending.waitForEarlier(1);
      read = true;
    });

    // A module that always has one more on the way.
    while (!read) {
      pending.add(1);
      pending.remove(1);
    }

    reader.join();
    pending.remove(1);
    pending.waitForEarlier(1);
    pending.remove(2);
    pending.waitForEarlier(2);
  }
}

}  // namespace modhost::host
