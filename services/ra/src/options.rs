//! The command line of the clients, declared once.

use crate::manual;
use options::{Complete, Opt, Program, Variable};

/// What an option asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// A number for some clients: digits of a suffix.
    Number,
    /// Summary at the end.
    Summary,
    /// Show the compiled filter.
    ShowFilter,
    /// Do not optimise the filter.
    Unoptimised,
    /// Hold back.
    Hold,
    /// Delimiter.
    Delimiter,
    /// Go into the background.
    Daemon,
    /// Accepted without effect: takes a value.
    Ignored,
    /// Accepted without effect: a flag.
    IgnoredFlag,
    /// Regular expression over user data.
    Regex,
    /// File for rejected records.
    Rejects,
    /// Configuration file.
    Configuration,
    /// Script for closed files.
    Script,
    /// Abbreviate numbers.
    Abbreviate,
    /// Titles.
    Titles,
    /// Modes.
    Modes,
    /// Names.
    Names,
    /// Range of records.
    Range,
    /// Digits behind the point.
    Precision,
    /// Print nothing.
    Quiet,
    /// Input files.
    Read,
    /// Input folders.
    Folders,
    /// Fields.
    Fields,
    /// Sources.
    Source,
    /// Time range.
    Time,
    /// Seconds to stay.
    Stay,
    /// Unix time.
    UnixTime,
    /// SASL identity.
    User,
    /// Output file.
    Write,
    /// No default configuration.
    Reset,
    /// TCP states.
    States,
    /// TCP flags.
    Flags,
    /// Behave like another release.
    Compat,
    /// Colours.
    Color,
    /// One line of configuration.
    Line,
    /// Shares of totals.
    Percent,
    /// Write version 3.
    Version3,
    /// NetFlow from exporters.
    Netflow,
}

const MODES: &str = "            man | noman         print management records, or not
            rmon                print each flow from both ends
            uni                 split flows into their two directions
            poll                attach to a source, read its initial record and leave
            xml | json          print elements or objects
            TZ='timezone'       set the time zone
            label='regex'       keep records whose label matches
            printer='printer'   print user data as ascii, obfuscate, hex, encode32 or encode64
            rtime[:speed]       play files back at the speed at which they were recorded, or so many times it
            oui                 print vendors' names in Ethernet addresses
            eframe='octets'     add so many octets to every packet
            nocorrect           print records as they were seen, not turned round
            pzero               print 0 for the ports of protocols without ports
            dsrs='[+-]dsr,..'   keep, add or strip parts of the records
            disa                use US DISA names of code points
";

const RANGES: &str =
    "                                Optional initial char specifies the input or output stream.
            [io]<start-end>     process this inclusive range of matching records.
            [io]<start+num>     process this number of matching records, starting at start.
";

/// Names of fields, for shells.
static FIELD_NAMES: [&str; field::table::FIELDS.len()] = {
    let mut names = [""; field::table::FIELDS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = field::table::FIELDS[at].name;
        at += 1;
    }
    names
};

/// Words of `-M` that all clients mind.
pub const MODE_NAMES: &[&str] = &[
    "man",
    "noman",
    "rmon",
    "uni",
    "poll",
    "xml",
    "json",
    "label=",
    "printer=",
    "rtime",
    "realtime",
    "oui",
    "eframe=",
    "pzero",
    "dsrs=",
    "disa",
    "correct",
    "nocorrect",
    "TZ=",
];

/// The options that all clients have.
macro_rules! common {
    ($($more:expr),*) => {&[
        Opt::flag(Id::Summary, 'A', "summary", "print record summaries on termination."),
        Opt::flag(Id::ShowFilter, 'b', "show-filter", "dump packet-matching code."),
        Opt::value(Id::Delimiter, 'c', "delimiter", "<char>", "specify a delimiter <char> for output columns."),
        Opt::value(Id::Regex, 'e', "regex", "<regex>", "match regular expression in flow user data fields.")
            .detail(concat!(
                "                                Prepend the regex with either \"s:\" or \"d:\" to limit the match\n",
                "                                to either the source or destination user data fields.\n"
            )),
        Opt::value(Id::Rejects, 'E', "rejects", "<file>", "write records that are rejected by the filter into <file>")
            .complete(Complete::Files),
        Opt::value(Id::Configuration, 'F', "configuration", "<conffile>", "read configuration from <conffile>.")
            .complete(Complete::Files),
        Opt::flag(Id::Abbreviate, 'H', "abbreviate", "abbreviate numeric values. Use -p option to control precision."),
        Opt::value(Id::Titles, 'L', "titles", "<n>", "print titles never (-1), once (0) or before every <n> rows."),
        Opt::words(Id::Modes, 'M', "mode", "<option>", "specify a Mode of operation.").detail(MODES)
            .complete(Complete::Choice(MODE_NAMES)),
        Opt::flag(Id::Names, 'n', "numeric", "don't convert numbers to names."),
        Opt::value(Id::Range, 'N', "number", "[io]<num>", "process the first <num> records in the stream.")
            .detail(RANGES),
        Opt::value(Id::Precision, 'p', "precision", "<digits>", "print fractional time with <digits> precision."),
        Opt::flag(Id::Quiet, 'q', "quiet", "quiet mode. don't print record outputs."),
        Opt::words(Id::Read, 'r', "read", "<file[::ostart[:ostop]] ...>", "read data from <file>. '-' denotes stdin.")
            .complete(Complete::Files),
        Opt::words(Id::Folders, 'R', "recursive", "<dir>", "recursively process files in directory")
            .complete(Complete::Folders),
        Opt::words(Id::Fields, 's', "fields", "[-][+[#]]field[:w]", "specify fields to print.")
            .complete(Complete::Choice(&FIELD_NAMES)),
        Opt::value(Id::Source, 'S', "source", "<[user[:pass]@]host[:port]>", "specify remote argus and optional port number")
            .complete(Complete::Hosts),
        Opt::value(Id::Time, 't', "time", "<timerange>", "specify <timerange> for reading records."),
        Opt::value(Id::Stay, 'T', "stay", "<secs>", "attach to remote server for T seconds."),
        Opt::flag(Id::UnixTime, 'u', "unix-time", "print time in Unix time format."),
        Opt::value(Id::User, 'U', "user", "<user>", "specify <user> for authentication.").hidden(),
        Opt::value_and_word(Id::Write, 'w', "write", "<file [\"filter\"]>", "write output to <file>. '-' denotes stdout.")
            .complete(Complete::Files),
        Opt::flag(Id::Reset, 'X', "no-configuration", "don't read default rarc file."),
        Opt::flag(Id::Version3, '3', "version-3", "write version 3 records."),
        Opt::value(Id::Line, 'o', "option", "<name=value>", "apply one line of configuration."),
        Opt::flag(Id::Percent, '%', "percent", "print counts as percentages of their totals; files are read twice."),
        Opt::flag(Id::States, 'z', "states", "print Argus TCP state changes."),
        Opt::value(Id::Flags, 'Z', "flags", "<s|d|b>", "print actual TCP flag values.")
            .detail("                                <'s'rc | 'd'st | 'b'oth>\n")
            .complete(Complete::Choice(&["s", "d", "b"])),
        Opt::value(Id::Compat, '-', "compat", "<version>", "print as <version> does: 3.0.8 or 5.0.3.")
            .long_only()
            .more("3.0.8 brings back the harmless faults of argus 3.0.8.2, 5.0.3 the layout and names of argus 5.0.3.")
            .complete(Complete::Choice(&["3.0.8", "5.0.3"])),
        Opt::value(Id::Color, '-', "color", "<when>", "colour titles and cells: never, always or auto.")
            .long_only()
            .more("auto: on a terminal, unless NO_COLOR is set. The default is never, or auto with RA_COLOR_SUPPORT=yes.")
            .complete(Complete::Choice(&["never", "auto", "always"])),
        $($more,)*
        Opt::value(Id::Netflow, 'C', "netflow", "<[host]:port>", "receive NetFlow or IPFIX at a UDP port of this machine."),
        Opt::value(Id::Ignored, 'm', "", "<field>", "accepted for other clients.").hidden(),
        Opt::value(Id::Ignored, 'D', "debug", "<level>", "accepted.").hidden(),
        Opt::value(Id::Ignored, 'P', "", "<n>", "accepted.").hidden(),
        Opt::value(Id::Ignored, 'Q', "", "<n>", "accepted.").hidden(),
        Opt::flag(Id::Unoptimised, 'O', "", "accepted: filters mean the same however they are compiled.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'v', "", "accepted.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'V', "", "accepted.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'i', "", "accepted.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'l', "", "accepted.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'G', "", "accepted.").hidden(),
        Opt::flag(Id::IgnoredFlag, 'J', "", "accepted.").hidden()
    ]};
}

/// The variables that the clients mind.
pub static VARIABLES: &[Variable] = &[
    Variable::new("RA_ARGUS_SERVER", "host[:port]", "remote source, as -S"),
    Variable::new("RA_ARGUS_SERVERPORT", "port", "default port of -S"),
    Variable::new(
        "RA_INPUT_FILE",
        "file",
        "input, as -r; replaced by the first -r or -R of the command line",
    ),
    Variable::new("RA_NO_OUTPUT", "yes|no", "print nothing, as -q"),
    Variable::new("RA_OUTPUT_FILE", "file [filter]", "output, as -w"),
    Variable::new("RA_EXCEPTION_OUTPUT_FILE", "file", "records rejected by the filter, as -E"),
    Variable::new("RA_TIMERANGE", "timerange", "as -t"),
    Variable::new("RA_RUN_TIME", "secs", "seconds to stay attached, as -T"),
    Variable::new("RA_NUMBER", "num", "as -N"),
    Variable::new("RA_FIELD_DELIMITER", "'c'", "as -c"),
    Variable::new("RA_FIELD_WIDTH", "fixed|variable", "columns of fixed width, or as wide as their text"),
    Variable::new("RA_FIELD_QUOTED", "single|double", "quotes around titles"),
    Variable::new("RA_FIELD_SPECIFIER", "fields", "as -s"),
    Variable::new("RA_TIME_FORMAT", "strftime", "format of times; %f is the fraction"),
    Variable::new("RA_TZ", "zone", "time zone"),
    Variable::new("RA_USEC_PRECISION", "digits", "as -p"),
    Variable::new("RA_PRINT_MAN_RECORDS", "yes|no", "print management records"),
    Variable::new("RA_PRINT_EVENT_RECORDS", "yes|no", "print event records"),
    Variable::new("RA_PRINT_LABELS", "n", "as -L"),
    Variable::new("RA_PRINT_NAMES", "none|proto|port|all", "what is shown by name"),
    Variable::new("RA_PRINT_UNIX_TIME", "yes|no", "as -u"),
    Variable::new("RA_PRINT_TCPSTATES", "yes|no", "as -z"),
    Variable::new("RA_PRINT_TCPFLAGS", "s|d|b", "as -Z"),
    Variable::new("RA_USERDATA_ENCODE", "ascii|obfuscate|hex|encode32|encode64", "as -M printer="),
    Variable::new("RA_FILTER", "filter", "filter, replaced by that of the command line"),
    Variable::new("RA_CONNECT_TIME", "secs", "patience while connecting"),
    Variable::new("RA_RELIABLE_CONNECT", "yes|no", "connect again when a source goes away"),
    Variable::new("RA_CIDR_ADDRESS_FORMAT", "yes|no|strict", "prefix lengths behind addresses"),
    Variable::new("RA_ASN_PRINT_FORMAT", "asplain|asdot|asdot+", "form of AS numbers"),
    Variable::new(
        "RA_PORT_DIRECTION",
        "services,wellknown,registered",
        "turn TCP records of unknown direction round",
    ),
    Variable::new("RA_SEPARATE_ADDR_FROM_PORT_WITH_PERIOD", "yes|no", "a period between address and port"),
    Variable::new("RA_PRINT_LOCALONLY", "yes|no", "ask for the names of hosts of private networks only"),
    Variable::new("RA_PRINT_DOMAINONLY", "yes|no", "print host names without their first part"),
    Variable::new(
        "RA_ETHERNET_VENDORS",
        "file",
        "vendors of Ethernet addresses, in the layout of Wireshark's manuf",
    ),
    Variable::new("RA_PRINT_ETHERNET_VENDORS", "yes|no", "as -M oui"),
    Variable::new("RA_SOURCE_PORT", "port", "port of this machine that connections to sources come from"),
    Variable::new("RA_CISCONETFLOW_PORT", "port", "UDP port to receive NetFlow at, as -C"),
    Variable::new(
        "RA_LOCAL",
        "file",
        "how near addresses are: lines of an address, prefix or range, and a number",
    ),
    Variable::new(
        "RA_LOCAL_DIRECTION",
        "suggest:src|suggest:dst|force:src|force:dst|time",
        "which end the nearer address should be, of TCP flows of unknown direction or (force) of all; time: who was heard first is the source",
    ),
    Variable::new("RA_RECORD_CORRECTION", "yes|no", "as -M correct and -M nocorrect"),
    Variable::new("RA_LOCAL_CORRECT", "yes|no", "the same"),
    Variable::new("RA_SRCID_ALIAS", "file:path", "names of source ids: a line for each, the id and its name"),
    Variable::new("RA_COLOR_SUPPORT", "yes|no", "as --color auto"),
    Variable::new("RA_SET_PID", "yes|no", "write a pid file when run as a daemon"),
    Variable::new("RA_PID_PATH", "folder", "where the pid file is written"),
    Variable::new("RA_COMPATIBILITY", "version", "as --compat"),
];

/// Variables of other clients and of releases in the field: accepted without effect.
pub static ACCEPTED: &[&str] = &[
    "RA_USER_AUTH",
    "RA_AUTH_PASS",
    "RA_MIN_SSF",
    "RA_MAX_SSF",
    "RA_FLOW_MODEL",
    "RA_PRINT_SUMMARY",
    "RA_PRINT_RESPONSE_DATA",
    "RAMON_MODE",
    "RA_DEBUG_LEVEL",
    "RA_FILTER_TIMEOUT",
    "RA_UPDATE_INTERVAL",
    "RA_TIMEOUT_INTERVAL",
    "RA_SORT_ALGORITHMS",
    "RA_DELEGATED_IP",
    "RA_SERVICES_SIGNATURES",
    "RA_COLOR_CONFIG",
    "RA_CORRELATE_EVENTS",
    "RA_GENERATE_BIN_MAR_RECORDS",
    "RA_DATABASE",
    "RA_DB_USER",
    "RA_DB_PASS",
    "RA_DB_HOST",
    "RA_DB_PORT",
    "RA_DB_TABLE",
    "RA_AIS_CACHE",
    "ARGUS_ARCHIVE",
    "RA_TMP_PATH",
    "RATOP_CONTROL_PORT",
    "RA_STATUS_EVENT",
    "RA_HASHTABLE_SIZE",
    "MYSQL_DB_ENGINE",
];

/// `ra`.
pub static RA: Program<Id> = Program {
    title: "Ra",
    usage: &["ra", "ra [options] [- filter-expression]"],
    description: "ra reads argus records from files, standard input or remote sources, and prints them or writes them \
                  to files.",
    options: common!(
        Opt::value(Id::Ignored, 'a', "", "<n>", "accepted for other clients.").hidden(),
        Opt::value(Id::Ignored, 'B', "", "<secs>", "accepted for other clients.").hidden(),
        Opt::value(Id::Ignored, 'f', "", "<file>", "accepted for other clients.").hidden(),
        Opt::flag(Id::Daemon, 'd', "daemon", "run as a daemon.").hidden()
    ),
    variables: VARIABLES,
    sections: manual::SECTIONS,
    see_also: &["rasplit(1)", "rastream(1)", "argus(8)", "radium(8)"],
    ..Program::new("ra", "read argus records")
};

/// `rasplit`.
pub static RASPLIT: Program<Id> = Program {
    title: "Rasplit",
    usage: &["rasplit [-M mode] [-a digits] [-w name] [options] [- filter-expression]"],
    description: "rasplit distributes the records of its input over files, by time, count, size or flow.",
    options: common!(
        Opt::value(Id::Number, 'a', "digits", "<digits>", "letters of the suffix of file names."),
        Opt::value(Id::Hold, 'B', "hold", "<secs>", "close files this long after their end."),
        Opt::value(Id::Script, 'f', "script", "<script>", "accepted for rastream.").hidden(),
        Opt::flag(Id::Daemon, 'd', "daemon", "run as a daemon.")
    ),
    variables: VARIABLES,
    see_also: &["ra(1)", "rastream(1)"],
    ..Program::new("rasplit", "split argus records into files")
};

/// `rastream`.
pub static RASTREAM: Program<Id> = Program {
    title: "Rastream",
    usage: &[
        "rastream [-M mode] [-a digits] [-w name] [-f script] [-B secs] [options] [- filter-expression]",
    ],
    description: "rastream distributes the records of its input over files, by time, count, size or flow, and runs a \
                  script on each file that it has closed.",
    options: common!(
        Opt::value(Id::Number, 'a', "digits", "<digits>", "letters of the suffix of file names."),
        Opt::value(Id::Hold, 'B', "hold", "<secs>", "close files this long after their end."),
        Opt::value(Id::Script, 'f', "script", "<script>", "run <script> -r <file> on each closed file.")
            .complete(Complete::Files),
        Opt::flag(Id::Daemon, 'd', "daemon", "run as a daemon.")
    ),
    variables: VARIABLES,
    see_also: &["ra(1)", "rasplit(1)"],
    ..Program::new("rastream", "split argus records into files as they come, and process these")
};
