// What `modhost worker` runs: the inside of a worker process.
#pragma once

namespace modhost::host {

// Serves the host on `channel_fd` and tells of fatal signals on `fault_fd` (see worker_protocol.h)
// until the channel ends or the host says DRAIN. Returns the exit status; ends the process itself,
// by _exit(), when threads of the module do not let go. Takes the process over: limits, signal
// handlers.
int workerMain(int channel_fd, int fault_fd);

}  // namespace modhost::host
