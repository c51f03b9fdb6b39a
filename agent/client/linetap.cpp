// Example of linetap.hpp: a vision loop that hands over a part every few milliseconds. Also what the tests and the benchmark run.
//
//     g++ -std=c++17 -O2 -pthread linetap.cpp -o linetap
//     ./linetap /run/linewarden/linetap.sock ST4 1000 10        (address, station, parts, milliseconds between two)
//
// At the end it prints what a call cost and what became of the records, as one JSON object.
// SPDX-License-Identifier: Apache-2.0
#include "linetap.hpp"

#include <algorithm>
#include <iostream>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: linetap ADDRESS STATION PARTS MILLISECONDS\n";
        return 2;
    }
    const int parts = std::atoi(argv[3]);
    const double pause_ms = std::atof(argv[4]);
    linetap::LineTap tap(argv[1], argv[2]);
    std::vector<double> micros;
    micros.reserve(static_cast<std::size_t>(parts));
    for (int i = 0; i < parts; ++i) {
        const std::string part_id = "C-" + std::to_string(i);
        const auto started = std::chrono::steady_clock::now();
        tap.send(linetap::inspection(part_id, i % 50 == 49 ? "ng" : "ok")
                     .number("p_defect", i % 50 == 49 ? 0.93 : 0.02)
                     .text("recipe", "lid \"A\" 5 µm")
                     .integer("sequence", i + 1)
                     .measurement("gap_mm", 1.5)
                     .measurement("not_measured", std::nan(""))
                     .context("lot", "L1"));
        micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count());
        if (pause_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(pause_ms));
    }
    if (parts > 0) {
        tap.send(linetap::outcome("C-0", false).text("source", "audit").number("inclusion_probability", 0.05));
        tap.send(linetap::event("lamp", "replaced"));
    }
    const bool is_all_acknowledged = tap.close(5.0);
    const linetap::Stats stats = tap.stats();
    std::uint64_t dropped = 0;
    for (const auto count : stats.dropped) dropped += count;
    std::sort(micros.begin(), micros.end());
    const auto quantile = [&](double q) {
        return micros.empty() ? 0.0 : micros[static_cast<std::size_t>(q * static_cast<double>(micros.size() - 1))];
    };
    std::cout << "{\"acknowledged\":" << stats.acknowledged << ",\"dropped\":" << dropped << ",\"refused\":" << stats.refused
              << ",\"all_acknowledged\":" << (is_all_acknowledged ? "true" : "false") << ",\"p50_us\":" << quantile(0.5)
              << ",\"p99_us\":" << quantile(0.99) << ",\"max_us\":" << quantile(1.0) << "}\n";
}
