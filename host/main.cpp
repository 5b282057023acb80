#include "host/cli/cli.h"

int main(int argc, char** argv) { return modhost::host::runCommandLine(argc, argv); }
