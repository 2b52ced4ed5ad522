// tools/lutra/interrupt.cpp: see interrupt.hpp.  SPDX-License-Identifier: MIT
#include "interrupt.hpp"

#include <array>
#include <csignal>

namespace command {

namespace {
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t stop_wanted = 0;

extern "C" void want_stop(int signal) {
    stop_wanted = 1;
    if (signal != SIGHUP) std::signal(signal, SIG_DFL);
}

Status cancelled() { return {Errc::cancelled, "cancelled"}; }
}  // namespace

Interrupt::Interrupt() : pipe_before_(std::signal(SIGPIPE, SIG_IGN)) {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        before_[i] = std::signal(kSignals[i], SIG_IGN);
        if (before_[i] != SIG_IGN) std::signal(kSignals[i], want_stop);
    }
}
Interrupt::~Interrupt() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
        if (kSignals[i] != SIGHUP || !interrupted()) std::signal(kSignals[i], before_[i]);  // the second may come while we leave
    std::signal(SIGPIPE, pipe_before_);
}

bool interrupted() { return stop_wanted != 0; }

void check_interrupt() {
    if (interrupted()) throw Error(cancelled());
}

Status InterruptibleWriter::write(const void* from, std::size_t n) {
    if (interrupted()) return cancelled();
    bytes_ += n;
    return out_.write(from, n);
}

}  // namespace command
