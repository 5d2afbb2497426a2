// The table is CLDR's: common/supplemental/windowsZones.xml of version 41 (typeVersion 2021a), all
// territories, each zone with its other names in common/bcp47/timezone.xml; Europe/Kyiv and
// America/Ciudad_Juarez, which are younger, as CLDR 44 has them.
#include "install/windows_zones.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace cleave {
namespace {

struct Zone {
  const char* windows;
  const char* iana;  // with blanks between
};

constexpr auto kZones = std::to_array<Zone>({
    {"Dateline Standard Time", "Etc/GMT+12"},
    {"UTC-11", "Etc/GMT+11 Pacific/Midway Pacific/Niue Pacific/Pago_Pago Pacific/Samoa US/Samoa"},
    {"Aleutian Standard Time", "America/Adak America/Atka US/Aleutian"},
    {"Hawaiian Standard Time",
     "Etc/GMT+10 HST Pacific/Honolulu Pacific/Johnston Pacific/Rarotonga Pacific/Tahiti US/Hawaii"},
    {"Marquesas Standard Time", "Pacific/Marquesas"},
    {"Alaskan Standard Time",
     "America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka "
     "America/Yakutat US/Alaska"},
    {"UTC-09", "Etc/GMT+9 Pacific/Gambier"},
    {"Pacific Standard Time (Mexico)",
     "America/Ensenada America/Santa_Isabel America/Tijuana Mexico/BajaNorte"},
    {"UTC-08", "Etc/GMT+8 Pacific/Pitcairn"},
    {"Pacific Standard Time",
     "America/Los_Angeles America/Vancouver Canada/Pacific PST8PDT US/Pacific US/Pacific-New"},
    {"US Mountain Standard Time",
     "America/Creston America/Dawson_Creek America/Fort_Nelson America/Hermosillo America/Phoenix "
     "Etc/GMT+7 MST US/Arizona"},
    {"Mountain Standard Time (Mexico)", "America/Chihuahua America/Mazatlan Mexico/BajaSur"},
    {"Mountain Standard Time",
     "America/Boise America/Ciudad_Juarez America/Cambridge_Bay America/Denver America/Edmonton "
     "America/Inuvik America/Ojinaga America/Shiprock America/Yellowknife Canada/Mountain MST7MDT "
     "Navajo US/Mountain"},
    {"Yukon Standard Time", "America/Dawson America/Whitehorse Canada/Yukon"},
    {"Central America Standard Time",
     "America/Belize America/Costa_Rica America/El_Salvador America/Guatemala America/Managua "
     "America/Tegucigalpa Etc/GMT+6 Pacific/Galapagos"},
    {"Central Standard Time",
     "America/Chicago America/Indiana/Knox America/Indiana/Tell_City America/Knox_IN "
     "America/Matamoros America/Menominee America/North_Dakota/Beulah America/North_Dakota/Center "
     "America/North_Dakota/New_Salem America/Rainy_River America/Rankin_Inlet America/Resolute "
     "America/Winnipeg CST6CDT Canada/Central US/Central US/Indiana-Starke"},
    {"Easter Island Standard Time", "Chile/EasterIsland Pacific/Easter"},
    {"Central Standard Time (Mexico)",
     "America/Bahia_Banderas America/Merida America/Mexico_City America/Monterrey Mexico/General"},
    {"Canada Central Standard Time",
     "America/Regina America/Swift_Current Canada/East-Saskatchewan Canada/Saskatchewan"},
    {"SA Pacific Standard Time",
     "America/Atikokan America/Bogota America/Cayman America/Coral_Harbour America/Eirunepe "
     "America/Guayaquil America/Jamaica America/Lima America/Panama America/Porto_Acre "
     "America/Rio_Branco Brazil/Acre EST Etc/GMT+5 Jamaica"},
    {"Eastern Standard Time (Mexico)", "America/Cancun"},
    {"Eastern Standard Time",
     "America/Detroit America/Indiana/Petersburg America/Indiana/Vincennes America/Indiana/Winamac "
     "America/Iqaluit America/Kentucky/Louisville America/Kentucky/Monticello America/Louisville "
     "America/Montreal America/Nassau America/New_York America/Nipigon America/Pangnirtung "
     "America/Thunder_Bay America/Toronto Canada/Eastern EST5EDT US/Eastern US/Michigan"},
    {"Haiti Standard Time", "America/Port-au-Prince"},
    {"Cuba Standard Time", "America/Havana Cuba"},
    {"US Eastern Standard Time",
     "America/Fort_Wayne America/Indiana/Indianapolis America/Indiana/Marengo "
     "America/Indiana/Vevay America/Indianapolis US/East-Indiana"},
    {"Turks And Caicos Standard Time", "America/Grand_Turk"},
    {"Paraguay Standard Time", "America/Asuncion"},
    {"Atlantic Standard Time",
     "America/Glace_Bay America/Goose_Bay America/Halifax America/Moncton America/Thule "
     "Atlantic/Bermuda Canada/Atlantic"},
    {"Venezuela Standard Time", "America/Caracas"},
    {"Central Brazilian Standard Time", "America/Campo_Grande America/Cuiaba"},
    {"SA Western Standard Time",
     "America/Anguilla America/Antigua America/Aruba America/Barbados America/Blanc-Sablon "
     "America/Boa_Vista America/Curacao America/Dominica America/Grenada America/Guadeloupe "
     "America/Guyana America/Kralendijk America/La_Paz America/Lower_Princes America/Manaus "
     "America/Marigot America/Martinique America/Montserrat America/Port_of_Spain "
     "America/Porto_Velho America/Puerto_Rico America/Santo_Domingo America/St_Barthelemy "
     "America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent America/Tortola "
     "America/Virgin Brazil/West Etc/GMT+4"},
    {"Pacific SA Standard Time", "America/Santiago Chile/Continental"},
    {"Newfoundland Standard Time", "America/St_Johns Canada/Newfoundland"},
    {"Tocantins Standard Time", "America/Araguaina"},
    {"E. South America Standard Time", "America/Sao_Paulo Brazil/East"},
    {"SA Eastern Standard Time",
     "America/Belem America/Cayenne America/Fortaleza America/Maceio America/Paramaribo "
     "America/Recife America/Santarem Antarctica/Palmer Antarctica/Rothera Atlantic/Stanley "
     "Etc/GMT+3"},
    {"Argentina Standard Time",
     "America/Argentina/Buenos_Aires America/Argentina/Catamarca America/Argentina/ComodRivadavia "
     "America/Argentina/Cordoba America/Argentina/Jujuy America/Argentina/La_Rioja "
     "America/Argentina/Mendoza America/Argentina/Rio_Gallegos America/Argentina/Salta "
     "America/Argentina/San_Juan America/Argentina/San_Luis America/Argentina/Tucuman "
     "America/Argentina/Ushuaia America/Buenos_Aires America/Catamarca America/Cordoba "
     "America/Jujuy America/Mendoza America/Rosario"},
    {"Greenland Standard Time", "America/Godthab America/Nuuk"},
    {"Montevideo Standard Time", "America/Montevideo"},
    {"Magallanes Standard Time", "America/Punta_Arenas"},
    {"Saint Pierre Standard Time", "America/Miquelon"},
    {"Bahia Standard Time", "America/Bahia"},
    {"UTC-02", "America/Noronha Atlantic/South_Georgia Brazil/DeNoronha Etc/GMT+2"},
    {"Azores Standard Time", "America/Scoresbysund Atlantic/Azores"},
    {"Cape Verde Standard Time", "Atlantic/Cape_Verde Etc/GMT+1"},
    {"UTC",
     "Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/GMT0 Etc/Greenwich Etc/UCT Etc/UTC Etc/Universal Etc/Zulu "
     "GMT GMT+0 GMT-0 GMT0 Greenwich UCT UTC Universal Zulu"},
    {"GMT Standard Time",
     "Atlantic/Canary Atlantic/Faeroe Atlantic/Faroe Atlantic/Madeira Eire Europe/Belfast "
     "Europe/Dublin Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/Lisbon Europe/London "
     "GB GB-Eire Portugal"},
    {"Greenwich Standard Time",
     "Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry "
     "Africa/Dakar Africa/Freetown Africa/Lome Africa/Monrovia Africa/Nouakchott "
     "Africa/Ouagadougou Africa/Timbuktu America/Danmarkshavn Atlantic/Reykjavik "
     "Atlantic/St_Helena Iceland"},
    {"Sao Tome Standard Time", "Africa/Sao_Tome"},
    {"Morocco Standard Time", "Africa/Casablanca Africa/El_Aaiun"},
    {"W. Europe Standard Time",
     "Arctic/Longyearbyen Atlantic/Jan_Mayen Europe/Amsterdam Europe/Andorra Europe/Berlin "
     "Europe/Busingen Europe/Gibraltar Europe/Luxembourg Europe/Malta Europe/Monaco Europe/Oslo "
     "Europe/Rome Europe/San_Marino Europe/Stockholm Europe/Vaduz Europe/Vatican Europe/Vienna "
     "Europe/Zurich"},
    {"Central Europe Standard Time",
     "Europe/Belgrade Europe/Bratislava Europe/Budapest Europe/Ljubljana Europe/Podgorica "
     "Europe/Prague Europe/Tirane"},
    {"Romance Standard Time",
     "Africa/Ceuta Europe/Brussels Europe/Copenhagen Europe/Madrid Europe/Paris"},
    {"Central European Standard Time",
     "Europe/Sarajevo Europe/Skopje Europe/Warsaw Europe/Zagreb Poland"},
    {"W. Central Africa Standard Time",
     "Africa/Algiers Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos "
     "Africa/Libreville Africa/Luanda Africa/Malabo Africa/Ndjamena Africa/Niamey "
     "Africa/Porto-Novo Africa/Tunis Etc/GMT-1"},
    {"Jordan Standard Time", "Asia/Amman"},
    {"GTB Standard Time",
     "Asia/Famagusta Asia/Nicosia Europe/Athens Europe/Bucharest Europe/Nicosia"},
    {"Middle East Standard Time", "Asia/Beirut"},
    {"Egypt Standard Time", "Africa/Cairo Egypt"},
    {"E. Europe Standard Time", "Europe/Chisinau Europe/Tiraspol"},
    {"Syria Standard Time", "Asia/Damascus"},
    {"West Bank Standard Time", "Asia/Gaza Asia/Hebron"},
    {"South Africa Standard Time",
     "Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Johannesburg "
     "Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo Africa/Maseru Africa/Mbabane "
     "Etc/GMT-2"},
    {"FLE Standard Time",
     "Europe/Helsinki Europe/Kiev Europe/Kyiv Europe/Mariehamn Europe/Riga Europe/Sofia "
     "Europe/Tallinn Europe/Uzhgorod Europe/Vilnius Europe/Zaporozhye"},
    {"Israel Standard Time", "Asia/Jerusalem Asia/Tel_Aviv Israel"},
    {"South Sudan Standard Time", "Africa/Juba"},
    {"Kaliningrad Standard Time", "Europe/Kaliningrad"},
    {"Sudan Standard Time", "Africa/Khartoum"},
    {"Libya Standard Time", "Africa/Tripoli Libya"},
    {"Namibia Standard Time", "Africa/Windhoek"},
    {"Arabic Standard Time", "Asia/Baghdad"},
    {"Turkey Standard Time", "Asia/Istanbul Europe/Istanbul Turkey"},
    {"Arab Standard Time", "Asia/Aden Asia/Bahrain Asia/Kuwait Asia/Qatar Asia/Riyadh"},
    {"Belarus Standard Time", "Europe/Minsk"},
    {"Russian Standard Time", "Europe/Kirov Europe/Moscow Europe/Simferopol W-SU"},
    {"E. Africa Standard Time",
     "Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti "
     "Africa/Kampala Africa/Mogadishu Africa/Nairobi Antarctica/Syowa Etc/GMT-3 "
     "Indian/Antananarivo Indian/Comoro Indian/Mayotte"},
    {"Iran Standard Time", "Asia/Tehran Iran"},
    {"Arabian Standard Time", "Asia/Dubai Asia/Muscat Etc/GMT-4"},
    {"Astrakhan Standard Time", "Europe/Astrakhan Europe/Ulyanovsk"},
    {"Azerbaijan Standard Time", "Asia/Baku"},
    {"Russia Time Zone 3", "Europe/Samara"},
    {"Mauritius Standard Time", "Indian/Mahe Indian/Mauritius Indian/Reunion"},
    {"Saratov Standard Time", "Europe/Saratov"},
    {"Georgian Standard Time", "Asia/Tbilisi"},
    {"Volgograd Standard Time", "Europe/Volgograd"},
    {"Caucasus Standard Time", "Asia/Yerevan"},
    {"Afghanistan Standard Time", "Asia/Kabul"},
    {"West Asia Standard Time",
     "Antarctica/Mawson Asia/Aqtau Asia/Aqtobe Asia/Ashgabat Asia/Ashkhabad Asia/Atyrau "
     "Asia/Dushanbe Asia/Oral Asia/Samarkand Asia/Tashkent Etc/GMT-5 Indian/Kerguelen "
     "Indian/Maldives"},
    {"Ekaterinburg Standard Time", "Asia/Yekaterinburg"},
    {"Pakistan Standard Time", "Asia/Karachi"},
    {"Qyzylorda Standard Time", "Asia/Qyzylorda"},
    {"India Standard Time", "Asia/Calcutta Asia/Kolkata"},
    {"Sri Lanka Standard Time", "Asia/Colombo"},
    {"Nepal Standard Time", "Asia/Kathmandu Asia/Katmandu"},
    {"Central Asia Standard Time",
     "Antarctica/Vostok Asia/Almaty Asia/Bishkek Asia/Kashgar Asia/Qostanay Asia/Urumqi Etc/GMT-6 "
     "Indian/Chagos"},
    {"Bangladesh Standard Time", "Asia/Dacca Asia/Dhaka Asia/Thimbu Asia/Thimphu"},
    {"Omsk Standard Time", "Asia/Omsk"},
    {"Myanmar Standard Time", "Asia/Rangoon Asia/Yangon Indian/Cocos"},
    {"SE Asia Standard Time",
     "Antarctica/Davis Asia/Bangkok Asia/Ho_Chi_Minh Asia/Jakarta Asia/Phnom_Penh Asia/Pontianak "
     "Asia/Saigon Asia/Vientiane Etc/GMT-7 Indian/Christmas"},
    {"Altai Standard Time", "Asia/Barnaul"},
    {"W. Mongolia Standard Time", "Asia/Hovd"},
    {"North Asia Standard Time", "Asia/Krasnoyarsk Asia/Novokuznetsk"},
    {"N. Central Asia Standard Time", "Asia/Novosibirsk"},
    {"Tomsk Standard Time", "Asia/Tomsk"},
    {"China Standard Time",
     "Asia/Chongqing Asia/Chungking Asia/Harbin Asia/Hong_Kong Asia/Macao Asia/Macau Asia/Shanghai "
     "Hongkong PRC"},
    {"North Asia East Standard Time", "Asia/Irkutsk"},
    {"Singapore Standard Time",
     "Asia/Brunei Asia/Kuala_Lumpur Asia/Kuching Asia/Makassar Asia/Manila Asia/Singapore "
     "Asia/Ujung_Pandang Etc/GMT-8 Singapore"},
    {"W. Australia Standard Time", "Australia/Perth Australia/West"},
    {"Taipei Standard Time", "Asia/Taipei ROC"},
    {"Ulaanbaatar Standard Time", "Asia/Choibalsan Asia/Ulaanbaatar Asia/Ulan_Bator"},
    {"Aus Central W. Standard Time", "Australia/Eucla"},
    {"Transbaikal Standard Time", "Asia/Chita"},
    {"Tokyo Standard Time", "Asia/Dili Asia/Jayapura Asia/Tokyo Etc/GMT-9 Japan Pacific/Palau"},
    {"North Korea Standard Time", "Asia/Pyongyang"},
    {"Korea Standard Time", "Asia/Seoul ROK"},
    {"Yakutsk Standard Time", "Asia/Khandyga Asia/Yakutsk"},
    {"Cen. Australia Standard Time",
     "Australia/Adelaide Australia/Broken_Hill Australia/South Australia/Yancowinna"},
    {"AUS Central Standard Time", "Australia/Darwin Australia/North"},
    {"E. Australia Standard Time", "Australia/Brisbane Australia/Lindeman Australia/Queensland"},
    {"AUS Eastern Standard Time",
     "Australia/ACT Australia/Canberra Australia/Melbourne Australia/NSW Australia/Sydney "
     "Australia/Victoria"},
    {"West Pacific Standard Time",
     "Antarctica/DumontDUrville Etc/GMT-10 Pacific/Chuuk Pacific/Guam Pacific/Port_Moresby "
     "Pacific/Saipan Pacific/Truk Pacific/Yap"},
    {"Tasmania Standard Time",
     "Antarctica/Macquarie Australia/Currie Australia/Hobart Australia/Tasmania"},
    {"Vladivostok Standard Time", "Asia/Ust-Nera Asia/Vladivostok"},
    {"Lord Howe Standard Time", "Australia/LHI Australia/Lord_Howe"},
    {"Bougainville Standard Time", "Pacific/Bougainville"},
    {"Russia Time Zone 10", "Asia/Srednekolymsk"},
    {"Magadan Standard Time", "Asia/Magadan"},
    {"Norfolk Standard Time", "Pacific/Norfolk"},
    {"Sakhalin Standard Time", "Asia/Sakhalin"},
    {"Central Pacific Standard Time",
     "Antarctica/Casey Etc/GMT-11 Pacific/Efate Pacific/Guadalcanal Pacific/Kosrae Pacific/Noumea "
     "Pacific/Pohnpei Pacific/Ponape"},
    {"Russia Time Zone 11", "Asia/Anadyr Asia/Kamchatka"},
    {"New Zealand Standard Time", "Antarctica/McMurdo Antarctica/South_Pole NZ Pacific/Auckland"},
    {"UTC+12",
     "Etc/GMT-12 Kwajalein Pacific/Funafuti Pacific/Kwajalein Pacific/Majuro Pacific/Nauru "
     "Pacific/Tarawa Pacific/Wake Pacific/Wallis"},
    {"Fiji Standard Time", "Pacific/Fiji"},
    {"Chatham Islands Standard Time", "NZ-CHAT Pacific/Chatham"},
    {"UTC+13", "Etc/GMT-13 Pacific/Enderbury Pacific/Fakaofo Pacific/Kanton"},
    {"Tonga Standard Time", "Pacific/Tongatapu"},
    {"Samoa Standard Time", "Pacific/Apia"},
    {"Line Islands Standard Time", "Etc/GMT-14 Pacific/Kiritimati"},
});

}  // namespace

std::string windows_zone(std::string_view iana) {
  if (iana.empty()) return {};
  const auto* const found = std::ranges::find_if(kZones, [iana](const Zone& zone) {
    const std::vector<std::string_view> names = words(zone.iana);
    return std::ranges::find(names, iana) != names.end();
  });
  return found == kZones.end() ? std::string() : found->windows;
}

}  // namespace cleave
