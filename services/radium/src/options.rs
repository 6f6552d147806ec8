//! radium's option table (sensor-and-transport chapter, 3.1) and its configuration variables (3.2).

use options::{Complete, Opt, Program, Variable};

/// One variant per option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Bind,
    Chroot,
    Daemon,
    Monitor,
    File,
    Resource,
    Group,
    Modes,
    Count,
    Port,
    Read,
    Source,
    RunTime,
    TimeRange,
    User,
    Write,
    Reset,
    Status,
    ReadyFd,
    Archive,
    MaxClients,
    Compat,
    Nothing,
    NothingWithValue,
}

/// What there is of radium's command line.
pub static PROGRAM: Program<Id> = Program {
    title: "Radium",
    section: 8,
    column: 15,
    usage: &["radium [radiumoptions] [raoptions] [- filter-expression]"],
    description: "radium attaches to any number of argus sensors, radiums and record files, and hands what they report to \
        files, to UDP targets and to any number of clients (ra and the like, other radiums), each with a filter of its \
        own. A source that goes away is attached to again when it comes back. A client that reads too slowly loses the \
        oldest records, which is counted; it delays nobody.\n\n\
        The words after the options, best separated by a lone '-', are a filter in argus's language: only flow records \
        that match it are taken over. Management records always are.\n\n\
        The configuration file counts for more than the command line.",
    options: &[
        Opt::value(Id::Chroot, 'c', "chroot", "<dir>", "daemon chroot directory.").complete(Complete::Folders),
        Opt::flag(Id::Daemon, 'd', "daemon", "run as a daemon."),
        Opt::value(Id::File, 'f', "file", "conf.file", "read radium configure file.").complete(Complete::Files).more(
            "Instead of /etc/radium.conf. SIGHUP reads it again: sources that are new in it are attached to, those \
            that have gone are let go, clients stay.",
        ),
        Opt::value(Id::User, 'u', "user", "<userid>", "specify user id for daemon.").complete(Complete::Users),
        Opt::value(Id::Group, 'g', "group", "<groupid>", "specify group id for daemon.").complete(Complete::Groups),
        Opt::value(Id::Bind, 'B', "bind", "<addr>", "listen on this address.").complete(Complete::Hosts),
        Opt::value(Id::Monitor, 'e', "monitor-id", "<value>", "source id of radium's own records."),
        Opt::value(Id::Resource, 'F', "resource-file", "conf.file", "read ra resource file.").complete(Complete::Files),
        Opt::words(Id::Modes, 'M', "mode", "<secs>", "interval of radium's own status records.").more(
            "Words that are no number are modes of the ra clients and have no effect here.",
        ),
        Opt::value(Id::Count, 'N', "count", "<num>", "stop after <num> flow records."),
        Opt::value(Id::Port, 'P', "port", "<portnum>", "serve clients on this port (561 by convention)."),
        Opt::words(Id::Read, 'r', "read", "<file ...>", "read these files first.").complete(Complete::Files),
        Opt::words(Id::Source, 'S', "source", "<host[:port]>", "attach to this source.").complete(Complete::Hosts),
        Opt::value(Id::TimeRange, 't', "time", "<timerange>", "take over only records in this time range."),
        Opt::value(Id::RunTime, 'T', "run-time", "<secs>", "stop after this time."),
        Opt::value_and_word(Id::Write, 'w', "write", "<file>", "write records to <file>, -, or argus-udp://host:port.")
            .complete(Complete::Files),
        Opt::flag(Id::Reset, 'X', "reset", "do not read /etc/radium.conf; forget the options before this one."),
        Opt::value(Id::Status, ' ', "status", "<file>", "write sources, clients and totals to <file> as JSON.")
            .long_only()
            .complete(Complete::Files),
        Opt::value(Id::ReadyFd, ' ', "ready-fd", "<fd>", "write a newline to this descriptor when serving.").long_only(),
        Opt::value(Id::Archive, ' ', "archive", "<dir>", "serve the files below <dir> to clients that ask.")
            .long_only()
            .complete(Complete::Folders),
        Opt::value(Id::MaxClients, ' ', "max-clients", "<num>", "clients at a time (256).").long_only(),
        Opt::value(Id::Compat, ' ', "compat", "<version>", "behave as this version: 3.0.8.")
            .long_only()
            .complete(Complete::Choice(&["3.0.8"])),
        Opt::flag(Id::Nothing, 'n', "", "").hidden(),
        Opt::flag(Id::Nothing, 'O', "", "").hidden(),
        Opt::flag(Id::Nothing, 'p', "", "").hidden(),
        Opt::flag(Id::Nothing, 'q', "", "").hidden(),
        Opt::flag(Id::Nothing, 'v', "", "").hidden(),
        Opt::value(Id::NothingWithValue, 'D', "", "<level>", "").hidden(),
        Opt::value(Id::NothingWithValue, 'U', "", "<user/auth>", "").hidden(),
    ],
    variables: VARIABLES,
    see_also: &["argus(8)", "ra(1)", "radium.conf(5)"],
    ..Program::new("radium", "merges and distributes argus records")
};

const VARIABLES: &[Variable] = &[
    Variable::new("RADIUM_DAEMON", "yes|no", "run in the background"),
    Variable::new("RADIUM_MONITOR_ID", "<id>", "source id of radium's own records"),
    Variable::new("RADIUM_ARGUS_SERVER", "[scheme://]host[:port]", "a source; repeatable"),
    Variable::new("RADIUM_INPUT_FILE", "<file>", "a file to read first; repeatable"),
    Variable::new("RADIUM_ACCESS_PORT", "<port>", "serve clients on this port"),
    Variable::new("RADIUM_BIND_IP", "<address>", "listen on this address"),
    Variable::new("RADIUM_OUTPUT_FILE", "<file> [filter]", "an output; repeatable"),
    Variable::new("RADIUM_OUTPUT_STREAM", "<url> [filter]", "an output; repeatable"),
    Variable::new("RADIUM_MAR_STATUS_INTERVAL", "<secs>", "interval of radium's own status records"),
    Variable::new("RADIUM_FILTER", "<filter>", "what the sources are asked for"),
    Variable::new("RADIUM_FILTER_OPTIMIZER", "yes|no", "accepted, without effect"),
    Variable::new(
        "RADIUM_ADJUST_TIME",
        "<n>[s|m|h]",
        "correct the times of sources whose clock is further off",
    ),
    Variable::new("RADIUM_CHROOT_DIR", "<dir>", "change the root folder"),
    Variable::new("RADIUM_SETUSER_ID", "<user>", "become this user"),
    Variable::new("RADIUM_SETGROUP_ID", "<group>", "become this group"),
    Variable::new("RADIUM_ARCHIVE_PATH", "<dir>", "serve the files below this folder"),
    Variable::new("RADIUM_MAX_CLIENTS", "<num>", "clients at a time"),
    Variable::new("RADIUM_STATUS_FILE", "<file>", "write sources, clients and totals to this file as JSON"),
    Variable::new("RADIUM_SET_PID", "yes|no", "write a pid file when in the background"),
    Variable::new("RADIUM_PID_PATH", "<dir>", "where the pid file goes"),
];
