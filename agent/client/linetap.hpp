// linetap: hands inspection results to a Linewarden agent on this machine. One header, C++17, POSIX sockets, nothing else: copy it.
//
//     #include "linetap.hpp"
//     linetap::LineTap tap("/run/linewarden/linetap.sock", "ST4");  // or "tcp:127.0.0.1:9465"
//     tap.send(linetap::inspection("A-000123", "ok").number("p_defect", 0.012).text("recipe", "lid").image_file("/data/A-000123.png"));
//     tap.close(1.0);
//
// send() puts the record into a bounded queue without a lock and returns; a thread sends. It never throws and waits for nobody; true
// means taken into the queue. What the agent has not acknowledged is sent again after a reconnect and recognised as the same. With
// the agent away, records wait in bounded memory; then the oldest are dropped, counted by reason, and reported to the agent as soon
// as it is back. Protocol: README.md beside this file. May be called from several threads; not across fork().
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace linetap {

constexpr std::size_t kMaxImageBytes = 262'144;
constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

inline void append_text(std::string& out, const std::string& text) {
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
            out += escaped;
        } else {
            out += c;
        }
    }
    out += '"';
}

inline void append_number(std::string& out, double value) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.17g", value);
    for (char* c = digits; *c; ++c) {
        if (*c == ',') *c = '.';  // the program's locale may have a decimal comma
    }
    out += digits;
}

inline std::string instant(double seconds) {
    const auto whole = static_cast<std::time_t>(std::floor(seconds));
    std::tm utc{};
    gmtime_r(&whole, &utc);
    char text[80];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                  utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>((seconds - static_cast<double>(whole)) * 1e6));
    return text;
}

inline double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// A record being put together. Texts are UTF-8. Members: see inspection, outcome and event in the protocol page.
class Record {
  public:
    Record(const char* type, const char* time_member) : time_member_(time_member) {
        body_.reserve(512);
        body_ = "{\"type\":\"";
        body_ += type;
        body_ += '"';
    }
    Record& text(const char* name, const std::string& value) {
        has_station_ |= std::strcmp(name, "station") == 0;
        has_time_ |= std::strcmp(name, time_member_) == 0;
        key(body_, name);
        append_text(body_, value);
        return *this;
    }
    // NaN means not measured: the member is left out. An infinity makes the record invalid.
    Record& number(const char* name, double value) {
        number_into(body_, name, value);
        return *this;
    }
    Record& integer(const char* name, std::int64_t value) {
        key(body_, name);
        body_ += std::to_string(value);
        return *this;
    }
    Record& flag(const char* name, bool value) {
        key(body_, name);
        body_ += value ? "true" : "false";
        return *this;
    }
    Record& measurement(const std::string& name, double value) {
        number_into(measurements_, name.c_str(), value);
        return *this;
    }
    Record& context(const std::string& name, const std::string& value) {
        key(context_, name.c_str());
        append_text(context_, value);
        return *this;
    }
    // A file the agent can read; leave it whole until the record is acknowledged.
    Record& image_file(const std::string& path) { return text("image", path); }
    // The bytes of a PNG, JPEG or BMP file, at most 256 kB: of a larger one the record is sent without it.
    Record& image_bytes(const void* data, std::size_t size) {
        is_image_too_large_ = size > kMaxImageBytes;
        if (!is_image_too_large_) image_.assign(static_cast<const char*>(data), size);
        return *this;
    }

  private:
    friend class LineTap;
    static void key(std::string& out, const char* name) {
        if (!out.empty()) out += ',';
        append_text(out, name);
        out += ':';
    }
    void number_into(std::string& out, const char* name, double value) {
        if (std::isnan(value)) return;
        is_valid_ = is_valid_ && !std::isinf(value);
        key(out, name);
        append_number(out, value);
    }
    void finish(const std::string& station) {
        if (!has_station_ && !station.empty()) text("station", station);
        if (!has_time_) text(time_member_, instant(now()));
        for (auto* part : {&measurements_, &context_}) {
            if (part->empty()) continue;
            key(body_, part == &measurements_ ? "measurements" : "context");
            body_ += '{' + *part + '}';
        }
    }

    const char* time_member_;
    std::string body_, measurements_, context_, image_;
    bool has_station_ = false, has_time_ = false, is_valid_ = true, is_image_too_large_ = false;
};

inline Record inspection(const std::string& part_id, const std::string& verdict) {
    Record record("inspection", "captured_at");
    record.text("part_id", part_id).text("verdict", verdict);
    return record;
}
inline Record outcome(const std::string& part_id, bool defective) {
    Record record("outcome", "observed_at");
    record.text("part_id", part_id).flag("defective", defective);
    return record;
}
inline Record event(const std::string& kind, const std::string& value = "") {
    Record record("event", "at");
    record.text("kind", kind).text("value", value);
    return record;
}

enum Reason { kBufferFull, kHandoverFull, kTooLarge, kImageTooLarge, kInvalid, kReasons };

struct Stats {
    bool connected;
    std::uint64_t connections, acknowledged, refused, waiting;
    std::array<std::uint64_t, kReasons> dropped;  // by Reason
};

struct Limits {
    std::size_t slots = 1024;            // records in the queue between callers and thread
    std::size_t max_records = 10'000;    // kept by the thread for an agent that is away or slow
    std::size_t max_bytes = 64'000'000;  // in each of the two
    double report_s = 5.0;  // shortest time between two loss reports
};

class LineTap {
  public:
    LineTap(std::string address, std::string station, Limits limits = {})
        : address_(std::move(address)), station_(std::move(station)), limits_(limits) {
        while (slot_count_ < limits_.slots) slot_count_ *= 2;
        slots_.reset(new Slot[slot_count_]);
        for (std::size_t i = 0; i < slot_count_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
        std::random_device random;
        client_ = std::to_string(::getpid()) + "-" + std::to_string(random()) + "-" + std::to_string(random());
        thread_ = std::thread([this] { run(); });  // the one thing that may throw: std::system_error where no thread can be had
    }
    ~LineTap() { close(0.5); }
    LineTap(const LineTap&) = delete;
    LineTap& operator=(const LineTap&) = delete;

    bool send(Record record) noexcept {
        try {
            if (!record.is_valid_) return drop(kInvalid);
            record.finish(station_);
            if (record.is_image_too_large_) drop(kImageTooLarge);
            const std::size_t size = record.body_.size() + record.image_.size();
            const bool has_room = queued_bytes_.fetch_add(size) + size <= limits_.max_bytes;
            if (has_room && !is_closed_.load(std::memory_order_relaxed) &&
                push({std::move(record.body_), std::move(record.image_)})) {
                return true;
            }
            queued_bytes_.fetch_sub(size);
            return drop(kHandoverFull);
        } catch (...) {  // out of memory
            return drop(kInvalid);
        }
    }

    Stats stats() const noexcept {
        Stats stats{is_connected_, connections_, acknowledged_, refused_, kept_ + (head_.load() - tail_.load()), {}};
        for (int i = 0; i < kReasons; ++i) stats.dropped[i] = dropped_[i];
        return stats;
    }

    // Stop, after waiting at most so long for a connected agent to acknowledge what is left; true when nothing was left.
    bool close(double timeout_s) noexcept {
        try {
            if (thread_.joinable()) {
                give_up_at_ = monotonic() + timeout_s;
                is_closed_ = true;
                thread_.join();
            }
        } catch (...) {
        }
        return waiting_.empty() && sent_.empty() && report_.empty() && head_.load() == tail_.load();
    }

  private:
    using Clock = std::chrono::steady_clock;
    struct Entry {
        std::string body, image;
    };
    struct Slot {  // of the bounded queue of D. Vyukov: producers and consumer take turns at each slot, without a lock
        std::atomic<std::size_t> turn;
        Entry entry;
    };
    struct Sent {
        std::uint64_t number;
        std::string line;
    };

    static double monotonic() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

    bool push(Entry&& entry) {
        std::size_t at = head_.load(std::memory_order_relaxed);
        for (;;) {
            Slot& slot = slots_[at & (slot_count_ - 1)];
            const std::size_t turn = slot.turn.load(std::memory_order_acquire);
            if (turn == at) {
                if (head_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
                    slot.entry = std::move(entry);
                    slot.turn.store(at + 1, std::memory_order_release);
                    return true;
                }
            } else if (turn < at) {
                return false;  // full
            } else {
                at = head_.load(std::memory_order_relaxed);
            }
        }
    }
    bool pop(Entry& entry) {
        const std::size_t at = tail_.load(std::memory_order_relaxed);
        Slot& slot = slots_[at & (slot_count_ - 1)];
        if (slot.turn.load(std::memory_order_acquire) != at + 1) return false;
        entry = std::move(slot.entry);
        slot.entry = Entry{};
        slot.turn.store(at + slot_count_, std::memory_order_release);
        tail_.store(at + 1, std::memory_order_relaxed);
        return true;
    }
    bool drop(Reason reason) noexcept {
        dropped_[reason].fetch_add(1, std::memory_order_relaxed);
        return false;
    }

    // --- the thread ----------------------------------------------------------------------------------------------------------

    void run() noexcept {
        for (;;) {
            try {
                encode();
                if (socket_ < 0) connect();
                if (socket_ >= 0) exchange();
                kept_ = waiting_.size() + sent_.size();
                if (is_closed_) {
                    const bool is_left = head_.load() != tail_.load() || !waiting_.empty() || !sent_.empty() || !report_.empty();
                    if (!is_left || socket_ < 0 || monotonic() >= give_up_at_) break;
                }
                if (socket_ < 0) std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
            } catch (...) {  // out of memory: begin again with a fresh connection
                disconnect();
            }
        }
        disconnect();
    }

    void encode() {
        Entry entry;
        for (int i = 0; i < 256 && pop(entry); ++i) {
            queued_bytes_.fetch_sub(entry.body.size() + entry.image.size());
            std::string line = std::move(entry.body);
            if (!entry.image.empty()) {
                line += ",\"image_inline\":\"";
                append_base64(line, entry.image);
                line += '"';
            }
            line += "}\n";
            if (line.size() > kMaxLineBytes) {
                drop(kTooLarge);
                continue;
            }
            kept_bytes_ += line.size();
            waiting_.push_back(std::move(line));
        }
        while (!waiting_.empty() && (waiting_.size() + sent_.size() > limits_.max_records || kept_bytes_ > limits_.max_bytes)) {
            kept_bytes_ -= waiting_.front().size();
            waiting_.pop_front();
            drop(kBufferFull);
        }
    }

    static void append_base64(std::string& out, const std::string& data) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        out.reserve(out.size() + data.size() * 4 / 3 + 8);
        for (std::size_t i = 0; i < data.size(); i += 3) {
            const auto byte = [&](std::size_t k) { return k < data.size() ? static_cast<unsigned char>(data[k]) : 0u; };
            const unsigned three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
            out += digits[three >> 18 & 63];
            out += digits[three >> 12 & 63];
            out += i + 1 < data.size() ? digits[three >> 6 & 63] : '=';
            out += i + 2 < data.size() ? digits[three & 63] : '=';
        }
    }

    // --- the connection ------------------------------------------------------------------------------------------------------

    void connect() {
        if (monotonic() < connect_at_) return;
        connect_at_ = monotonic() + pause_s_;
        pause_s_ = std::min(2 * pause_s_, 2.0);
        union {
            sockaddr any;
            sockaddr_un unix_;
            sockaddr_in inet;
        } to{};
        socklen_t size = 0;
        if (address_.rfind("tcp:", 0) == 0) {
            const auto colon = address_.rfind(':');
            to.inet.sin_family = AF_INET;
            to.inet.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address_.c_str() + colon + 1)));
            if (colon < 4 || inet_pton(AF_INET, address_.substr(4, colon - 4).c_str(), &to.inet.sin_addr) != 1) return;
            size = sizeof to.inet;
        } else {
            if (address_.size() >= sizeof to.unix_.sun_path) return;  // unix(7): at most 107 bytes
            to.unix_.sun_family = AF_UNIX;
            std::memcpy(to.unix_.sun_path, address_.c_str(), address_.size() + 1);
            size = sizeof to.unix_;
        }
        const int sock = ::socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (sock < 0) return;
        const timeval second{1, 0};  // longest wait for a connection
        ::setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
        if (::connect(sock, &to.any, size) != 0) {
            ::close(sock);
            return;
        }
        const int yes = 1;
        if (to.any.sa_family == AF_INET) ::setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        ::fcntl(sock, F_SETFL, O_NONBLOCK);
        socket_ = sock;
        out_ = "{\"type\":\"hello\",\"linetap\":1,\"client\":\"" + client_ + "\"}\n";
        in_.clear();
        out_at_ = 0;
        line_number_ = 1;
        report_line_ = 0;
        ++connections_;
        is_connected_ = true;
    }

    void disconnect() {  // whatever was not acknowledged is to be sent again
        if (socket_ >= 0) ::close(socket_);
        socket_ = -1;
        is_connected_ = false;
        out_.clear();
        out_at_ = 0;
        while (!sent_.empty()) {
            waiting_.push_front(std::move(sent_.back().line));
            sent_.pop_back();
        }
        sent_bytes_ = 0;
        connect_at_ = monotonic() + pause_s_;
    }

    void exchange() {
        if (out_at_ == out_.size()) next_batch();
        pollfd watched{socket_, static_cast<short>(POLLIN | (out_at_ < out_.size() ? POLLOUT : 0)), 0};
        if (::poll(&watched, 1, kPollMs) <= 0) return;
        if (watched.revents & POLLOUT) {
            const ssize_t sent = ::send(socket_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != EINTR) return disconnect();
            if (sent > 0) out_at_ += static_cast<std::size_t>(sent);
        }
        if (watched.revents & (POLLIN | POLLHUP | POLLERR)) {
            char chunk[4096];
            const ssize_t got = ::recv(socket_, chunk, sizeof chunk, 0);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return disconnect();
            if (got > 0) in_.append(chunk, static_cast<std::size_t>(got));
            std::size_t end;
            while ((end = in_.find('\n')) != std::string::npos) {
                hear(in_.substr(0, end));
                in_.erase(0, end + 1);
            }
            if (in_.size() > 65'536) return disconnect();
        }
    }

    void hear(const std::string& answer) {
        unsigned long long number = 0;
        if (std::sscanf(answer.c_str(), "{\"ack\":%llu}", &number) == 1) {
            pause_s_ = 0.1;
            while (!sent_.empty() && sent_.front().number <= number) {
                kept_bytes_ -= sent_.front().line.size();
                sent_bytes_ -= sent_.front().line.size();
                sent_.pop_front();
                ++acknowledged_;
            }
            if (report_line_ > 0 && report_line_ <= number) report_.clear();
        } else if (answer.rfind("{\"refused\":", 0) == 0) {
            ++refused_;
        }
    }

    void next_batch() {  // a loss report first; at most half of what may be kept is on its way at a time
        out_.clear();
        out_at_ = 0;
        if (report_.empty()) {
            make_report();
        }
        if (!report_.empty() && report_line_ == 0) {
            report_line_ = ++line_number_;
            out_ += report_;
        }
        while (!waiting_.empty() && out_.size() < 65'536 && 2 * sent_.size() < limits_.max_records &&
               (sent_.empty() || 2 * sent_bytes_ < limits_.max_bytes)) {
            out_ += waiting_.front();
            sent_bytes_ += waiting_.front().size();
            sent_.push_back({++line_number_, std::move(waiting_.front())});
            waiting_.pop_front();
        }
    }

    void make_report() {
        static const char* const names[kReasons] = {"buffer_full", "handover_full", "too_large", "image_too_large", "invalid"};
        if (!is_closed_ && monotonic() < report_at_) return;
        std::string counts;
        for (int i = 0; i < kReasons; ++i) {
            const std::uint64_t total = dropped_[i];
            if (total == reported_[i]) continue;
            if (!counts.empty()) counts += ',';
            counts += '"' + std::string(names[i]) + "\":" + std::to_string(total - reported_[i]);
            reported_[i] = total;
        }
        if (counts.empty()) return;
        report_at_ = monotonic() + limits_.report_s;
        report_line_ = 0;
        report_ = "{\"type\":\"lost\",\"number\":" + std::to_string(++report_number_) + ",\"station\":";
        append_text(report_, station_);
        report_ += ",\"since\":\"" + since_ + "\",\"until\":\"" + instant(now()) + "\",\"counts\":{" + counts + "}}\n";
        since_ = instant(now());
    }

    static constexpr int kPollMs = 20;
    const std::string address_, station_;
    const Limits limits_;
    std::string client_;
    // shared with callers
    std::size_t slot_count_ = 1;
    std::unique_ptr<Slot[]> slots_;
    std::atomic<std::size_t> queued_bytes_{0};
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
    std::array<std::atomic<std::uint64_t>, kReasons> dropped_{};
    std::atomic<bool> is_closed_{false}, is_connected_{false};
    std::atomic<std::uint64_t> connections_{0}, acknowledged_{0}, refused_{0}, kept_{0};
    std::atomic<double> give_up_at_{0.0};
    // the thread's own
    int socket_ = -1;
    double connect_at_ = 0.0, pause_s_ = 0.1, report_at_ = 0.0;
    std::deque<std::string> waiting_;  // lines to send, oldest first
    std::deque<Sent> sent_;            // not acknowledged
    std::size_t kept_bytes_ = 0, sent_bytes_ = 0, out_at_ = 0;
    std::string out_, in_, report_, since_ = instant(now());
    std::uint64_t line_number_ = 0, report_line_ = 0, report_number_ = 0;
    std::array<std::uint64_t, kReasons> reported_{};
    std::thread thread_;
};

}  // namespace linetap
