// A worker that writes a megabyte of junk to its channel and then waits to be killed.
#include <unistd.h>

#include <string>

int main() {
  const std::string junk(1 << 20, '\xa5');
  while (::write(3, junk.data(), junk.size()) > 0) {
  }
  for (;;) ::pause();
}
