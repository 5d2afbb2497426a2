// A set-up for people: what is written where, as a difference, with a reason for each line and what
// it costs.
#pragma once

#include <string>
#include <vector>

#include "app/setup.h"
#include "app/trial.h"
#include "plan/plan.h"

namespace cleave {

// Lines without their newline, laid out for `width` columns.
std::vector<std::string> setup_lines(const PreparedSetup& setup, std::size_t width);
std::vector<std::string> trial_lines(const PreparedTrial& trial, const FileTexts& texts,
                                     std::size_t width);
std::vector<std::string> status_lines(const SetupStatus& status, std::size_t width);
// What became of a trial, for the login and for --status; empty if there was none.
std::vector<std::string> trial_report_lines(const TrialReport& report, std::size_t width);

// The lines that differ between two texts: "- old" and "+ new", without what is alike before and
// behind them.
std::vector<std::string> difference_lines(std::string_view before, std::string_view after);

}  // namespace cleave
