#include "host/modules/worker_main.h"
#include "host/modules/worker_protocol.h"

int main() {
  return modhost::host::workerMain(modhost::host::kWorkerChannelFd, modhost::host::kWorkerFaultFd);
}
