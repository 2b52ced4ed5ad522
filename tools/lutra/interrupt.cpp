// tools/lutra/interrupt.cpp: see interrupt.hpp.  SPDX-License-Identifier: MIT
#include "interrupt.hpp"

#include <csignal>

namespace command {

namespace {
volatile std::sig_atomic_t stop_wanted = 0;

extern "C" void want_stop(int signal) {
    stop_wanted = 1;
    std::signal(signal, SIG_DFL);
}

Status cancelled() { return {Errc::cancelled, "cancelled"}; }
}  // namespace

Interrupt::Interrupt() {
    std::signal(SIGINT, want_stop);
    std::signal(SIGTERM, want_stop);
}
Interrupt::~Interrupt() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return stop_wanted != 0; }

void check_interrupt() {
    if (interrupted()) throw Error(cancelled());
}

Status InterruptibleWriter::write(const void* from, std::size_t n) {
    if (interrupted()) return cancelled();
    return out_.write(from, n);
}

}  // namespace command
