#include "cli/render/device_users.h"

#include <array>
#include <ctime>

#include "base/format.h"
#include "base/text.h"
#include "cli/render/translate.h"

namespace cleave {

namespace {

std::tm local_time(std::uint64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm local{};
  (void)::localtime_r(&when, &local);  // fails beyond the year 2^31 only
  return local;
}

}  // namespace

std::string time_text(std::uint64_t seconds) {
  const std::tm local = local_time(seconds);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local);
  return {text.data(), length};
}

std::string clock_text(std::uint64_t seconds) {
  const std::tm local = local_time(seconds);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%H:%M:%S", &local);
  return {text.data(), length};
}

std::string users_text(const std::vector<DeviceUser>& users) {
  std::vector<std::string> all;
  for (const DeviceUser& user : users) {
    std::string process = format("{} ({})", user.process_id, printable(user.command));
    if (!user.vm.empty()) {
      process = translate(Message(N_("the VM {vm}, process {process}"),
                                  {{"vm", printable(user.vm)}, {"process", process}}));
    }
    all.push_back(user.since
                      ? translate(Message(N_("{process} since {time}"),
                                          {{"process", process}, {"time", time_text(*user.since)}}))
                      : process);
  }
  return join(all, ", ");
}

Json users_json(const std::vector<DeviceUser>& users) {
  Json all = Json::array();
  for (const DeviceUser& user : users) {
    all.push_back(Json::object({{"process_id", user.process_id},
                                {"command", printable(user.command)},
                                {"vm", user.vm.empty() ? Json() : Json(printable(user.vm))},
                                {"since", user.since ? Json(*user.since) : Json()}}));
  }
  return all;
}

}  // namespace cleave
