//! The sensor's option table (sensor-and-transport 1.2) and its configuration variables (1.10).

use options::{Complete, Opt, Program, Variable};

/// One variant per option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    AppBytes,
    DumpFilter,
    Bind,
    Chroot,
    Control,
    Daemon,
    Debug,
    Observer,
    License,
    Follow,
    ConfigFile,
    HashTable,
    Interface,
    Jitter,
    LogPriority,
    ListInterfaces,
    MarInterval,
    Mac,
    Count,
    NoOptimizer,
    NoPromiscuous,
    Port,
    Read,
    ResponseTime,
    Snap,
    StatusInterval,
    Tsh,
    Pace,
    User,
    Group,
    UserData,
    Write,
    Reset,
    PacketSize,
    MaxFlows,
    MaxOctets,
    Format,
    Compat,
    ReadyFd,
}

/// What there is of the sensor's command line.
pub static PROGRAM: Program<Id> = Program {
    title: "Argus",
    section: 8,
    column: 24,
    usage: &[
        "argus [options] [-i interface] [- filter-expression]",
        "argus [options]  -r packetfile [- filter-expression]",
    ],
    description: "argus reads packets from network interfaces or from capture files and reports the flows they belong \
        to: who talked to whom, when, how much, how well. Its records go to files, to standard output, as UDP \
        datagrams, and to any number of clients that attach to its port (radium, ra and the like).\n\n\
        The words after the options, best separated by a lone '-', are a packet filter in libpcap's language \
        (pcap-filter(7)): only matching packets are looked at.",
    options: &[
        Opt::flag(Id::AppBytes, 'A', "appbytes", "generate application byte metrics."),
        Opt::flag(Id::DumpFilter, 'b', "dump-filter", "dump filter compiler output.")
            .more("Prints the compiled packet filter of the first source and ends."),
        Opt::value(Id::Bind, 'B', "bind", "<addr[,addr]>", "specify bind interface address(s).")
            .more("Addresses, IPv4 or IPv6, that the port of -P listens on. Default: all. 'null' forgets earlier ones.")
            .complete(Complete::Hosts),
        Opt::value(Id::Chroot, 'c', "chroot", "<dir>", "daemon chroot directory.")
            .more("Entered after the listener is bound and before outputs and capture files are opened.")
            .complete(Complete::Folders),
        Opt::flag(Id::Control, 'C', "control-plane", "run in control plane monitoring mode.").more(
            "Captures whole packets and keeps all user data of ARP, of IS-IS and of the ports in \
             ARGUS_CONTROLPLANE_PROTO.",
        ),
        Opt::flag(Id::Daemon, 'd', "daemon", "run Argus in daemon mode.")
            .more("Toggles: with ARGUS_DAEMON=yes it keeps the program in the foreground."),
        Opt::value(Id::Debug, 'D', "debug", "<level>", "accepted without effect.").hidden(),
        Opt::value(Id::Observer, 'e', "monitor-id", "<value>", "specify Argus Identifier <value>.")
            .more(
                "[type:/]id[/tag]: an IPv4 address, a host name, a number, or up to four characters in double quotes; \
                 with records of version 5 also an IPv6 address or a UUID, and the tag of an interface. The type is one \
                 of ipv4, ipv6, int, str, uuid.",
            ),
        Opt::value(Id::License, 'E', "", "<days>", "accepted without effect.").hidden(),
        Opt::flag(Id::Follow, 'f', "follow", "don't stop when EOF is seen, but wait for more")
            .detail("                                 packets to arrive in packet capture file.")
            .more(
                "With -r: packets appended to the file are read as they come; the port of -P is served. A file that is \
                 replaced or cut short is read from its beginning.",
            ),
        Opt::value(Id::ConfigFile, 'F', "config", "<conffile>", "read configuration from <conffile>.")
            .more("At its place among the options: later ones override it. /etc/argus.conf is not read then.")
            .complete(Complete::Files),
        Opt::value(Id::HashTable, 'H', "hash-size", "<n>", "buckets that ARGUS_GENERATE_HASH_METRICS counts in.").hidden(),
        Opt::words(Id::Interface, 'i', "interface", "<interface>", "specify interface to use as a packet source.")
            .detail(
                "             Supported formats:\n\
                 \x20               -i ind:all                    open all as independent sources.\n\
                 \x20               -i dup:en0,en1/srcid          use two as duplex sources.\n\
                 \x20               -i bond:en0,en1/srcid         use two as bonded interfaces.\n\
                 \x20               -i dup:[bond:en0,en1],en2     complex specification.\n\
                 \x20               -i en0/srcid -i en1/srcid     equivalent to '-i ind:en0/..'\n\
                 \x20               -i en0 en1                    equivalent '-i bond:en0,en1')",
            )
            .more("An interface that goes away is waited for; the sensor keeps running.")
            .complete(Complete::Interfaces),
        Opt::flag(Id::Jitter, 'J', "jitter", "generate packet performance data."),
        Opt::value(Id::LogPriority, 'k', "log-priority", "<n>", "log only messages up to syslog priority <n>.").hidden(),
        Opt::flag(Id::ListInterfaces, 'l', "list-interfaces", "list the interfaces and exit."),
        Opt::value(Id::MarInterval, 'M', "mar-interval", "<secs>", "set MAR Status Report Time Interval (60s)."),
        Opt::flag(Id::Mac, 'm', "mac", "turn on MAC Layer Reporting."),
        Opt::value(Id::Count, 'N', "count", "<n | a-b>", "process the first <n> packets, or those after <a> up to <b>."),
        Opt::flag(Id::NoOptimizer, 'O', "no-optimizer", "turn off filter optimizer."),
        Opt::flag(Id::NoPromiscuous, 'p', "no-promiscuous", "don't go into promiscuous mode."),
        Opt::value(Id::Port, 'P', "port", "<portnum>", "enable remote access on <portnum> (561)."),
        Opt::words(Id::Read, 'r', "read", "<file file ...>", "use packet file as data source.")
            .detail(
                "             Supported formats:\n\
                 \x20               -r file file     open files as, discover packet formats\n\
                 \x20               -r -             read standard input\n\
                 \x20               -r cisco:file    also report the flows that NetFlow packets tell of",
            )
            .more(
                "pcap in either byte order with micro- or nanoseconds, pcapng (of several interfaces too), Endace ERF, Sun \
                 snoop, NLANR TSH, also compressed with gzip, bzip2, xz or zstd: told by content, where that does not \
                 tell by '.erf' in the name, then by -t. Files are read in the order of their names.",
            )
            .complete(Complete::Files),
        Opt::flag(Id::ResponseTime, 'R', "response-time", "generate response time data."),
        Opt::value(Id::Snap, 's', "snap", "<bytes>", "set the packet snaplen size."),
        Opt::value(Id::StatusInterval, 'S', "status-interval", "<secs>", "set FAR Status Report Time Interval (5s)."),
        Opt::flag(Id::Tsh, 't', "tsh", "indicate that packetfile is MOAT Tsh format."),
        Opt::value(Id::Pace, 'T', "pace", "<scale>", "replay packet files at the speed of their timestamps."),
        Opt::value(Id::User, 'u', "user", "<userid>", "specify user id for daemon.").complete(Complete::Users),
        Opt::value(Id::Group, 'g', "group", "<groupid>", "specify group id for daemon.").complete(Complete::Groups),
        Opt::value(Id::UserData, 'U', "user-data", "<bytes>", "specify the number of user bytes to capture."),
        Opt::value_and_word(Id::Write, 'w', "write", "<file [\"filter\"]>", "write output to <file>, or '-', for stdout,")
            .detail(
                "                                 against optional filter expression.\n\
                 \x20            Supported formats:\n\
                 \x20               -w argus-udp://hostname[:port]    default port is 561.\n\
                 \x20               -w udp://hostname[:port]\n\
                 \x20               -w -                              write to stdout",
            )
            .more(
                "Repeatable. A file is appended to; when it is renamed or removed it is made anew within a second, so \
                 that a rotation script just renames it. The filter is in the language of ra(1).",
            )
            .complete(Complete::Files),
        Opt::flag(Id::Reset, 'X', "reset", "reset argus configuration.")
            .more("Forgets what was set so far, and keeps /etc/argus.conf from being read."),
        Opt::flag(Id::PacketSize, 'Z', "packet-size", "generate packet size data."),
        Opt::value(Id::MaxFlows, '-', "max-flows", "<n[K|M|G]>", "remember at most <n> flows (1048576).")
            .more(
                "When one more comes, the flow that was silent longest is reported and forgotten. How many were is told \
                 by every management record (`ra -M man`, in the place of the destination address) and by a warning. \
                 Each interface and each capturing thread has its own table.",
            )
            .long_only(),
        Opt::value(Id::MaxOctets, '-', "max-octets", "<n[K|M|G]>", "keep at most <n> octets of flow state (1073741824).")
            .more("Counted and enforced as --max-flows; user data (-U) may take as much again.")
            .long_only(),
        Opt::value(Id::Format, '-', "format", "<3 | 5>", "write records of version 3 (default) or 5.")
            .more(
                "Version 5 is what argus 5 writes: nanoseconds, ids of up to 16 octets with an interface's tag, maximum \
                 segment sizes, a number for every record. Clients of version 3, Debian's among them, do not read it.",
            )
            .long_only()
            .complete(Complete::Choice(&["3", "5"])),
        Opt::value(Id::Compat, '-', "compat", "<version>", "reproduce the harmless faults of argus <version>.")
            .long_only()
            .complete(Complete::Choice(&["3.0.8"])),
        Opt::value(Id::ReadyFd, '-', "ready-fd", "<n>", "write a newline to descriptor <n> when serving.").long_only(),
    ],
    variables: VARIABLES,
    sections: &[
        (
            "SIGNALS",
            "HUP, INT and TERM stop the sensor: sources are closed, all flows reported, a final management record \
             written. There is no reloading.",
        ),
        ("FILES", "/etc/argus.conf is read first unless -X or -F is given."),
    ],
    see_also: &["radium(8)", "ra(1)", "pcap-filter(7)"],
    ..Program::new("argus", "the network flow sensor")
};

const VARIABLES: &[Variable] = &[
    Variable::new("ARGUS_FLOW_TYPE", "Bidirectional|Unidirectional", "flow direction model."),
    Variable::new(
        "ARGUS_FLOW_KEY",
        "<key[+key]>",
        "what makes a flow: CLASSIC_5_TUPLE, LAYER_2, VLAN, LOCAL_MPLS, ...",
    ),
    Variable::new("ARGUS_DAEMON", "yes|no", "run in the background (-d)."),
    Variable::new(
        "ARGUS_MONITOR_ID",
        "<id>",
        "source id (-e); `hostname` stands for the host's name, `hostuuid` for the machine's id.",
    ),
    Variable::new(
        "ARGUS_MONITOR_ID_INCLUDE_INF",
        "yes|no|<tag>",
        "say in management records that ids of version 5 have a tag, or set it.",
    ),
    Variable::new("ARGUS_ACCESS_PORT", "<port>", "port for clients (-P); 0 is none."),
    Variable::new("ARGUS_BIND_IP", "<addr[,addr]>", "addresses of that port (-B)."),
    Variable::new("ARGUS_INTERFACE", "<interface>", "packet source (-i); repeatable."),
    Variable::new("ARGUS_GO_PROMISCUOUS", "yes|no", "promiscuous mode (no: -p)."),
    Variable::new("ARGUS_CHROOT_DIR", "<dir>", "new root (-c)."),
    Variable::new("ARGUS_SETUSER_ID", "<user>", "user to become (-u)."),
    Variable::new("ARGUS_SETGROUP_ID", "<group>", "group to become (-g)."),
    Variable::new("ARGUS_OUTPUT_FILE", "<file [filter]>", "output (-w); repeatable."),
    Variable::new("ARGUS_OUTPUT_STREAM", "<url [filter]>", "output (-w); repeatable."),
    Variable::new("ARGUS_SET_PID", "yes|no", "write a pid file when in the background."),
    Variable::new("ARGUS_PID_PATH", "<dir>", "where (/var/run)."),
    Variable::new("ARGUS_FLOW_STATUS_INTERVAL", "<secs>", "flow status interval (-S), 5."),
    Variable::new("ARGUS_MAR_STATUS_INTERVAL", "<secs>", "management record interval (-M), 60."),
    Variable::new(
        "ARGUS_MAR_INTERFACE_INTERVAL",
        "<secs>",
        "accepted; each status record tells the interface.",
    ),
    Variable::new("ARGUS_DEBUG_LEVEL", "<n>", "accepted without effect."),
    Variable::new("ARGUS_LOG_DISPLAY_PRIORITY", "<n>", "log only messages up to this syslog priority."),
    Variable::new("ARGUS_GENERATE_START_RECORDS", "yes|no", "a record at the first packet of a flow."),
    Variable::new("ARGUS_GENERATE_RESPONSE_TIME_DATA", "yes|no", "response times (-R)."),
    Variable::new("ARGUS_GENERATE_JITTER_DATA", "yes|no", "packet spacing (-J)."),
    Variable::new("ARGUS_JITTER_HISTOGRAM", "yes|no", "accepted without effect."),
    Variable::new("ARGUS_GENERATE_MAC_DATA", "yes|no", "MAC addresses (-m)."),
    Variable::new("ARGUS_GENERATE_APPBYTE_METRIC", "yes|no", "application bytes (-A)."),
    Variable::new("ARGUS_GENERATE_PACKET_SIZE", "yes|no", "packet sizes (-Z)."),
    Variable::new("ARGUS_PACKET_SIZE_HISTOGRAM", "yes|no", "packets by size, with -Z."),
    Variable::new("ARGUS_GENERATE_TCP_PERF_METRIC", "yes|no", "TCP performance data (yes)."),
    Variable::new("ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS", "yes|no", "times of each direction."),
    Variable::new("ARGUS_GENERATE_HASH_METRICS", "yes|no", "the hash of each flow's key."),
    Variable::new("ARGUS_CAPTURE_DATA_LEN", "<bytes>", "user data of each direction (-U)."),
    Variable::new("ARGUS_CAPTURE_FULL_CONTROL_DATA", "yes|no", "control plane mode (-C)."),
    Variable::new(
        "ARGUS_CONTROLPLANE_PROTO",
        "<[tcp:|udp:]port,...>",
        "ports of the control plane, numbers or services.",
    ),
    Variable::new("ARGUS_SELF_SYNCHRONIZE", "yes|no", "accepted; the records are the same either way."),
    Variable::new("ARGUS_FILTER", "<expression>", "packet filter."),
    Variable::new("ARGUS_FILTER_OPTIMIZER", "yes|no", "optimise it (no: -O)."),
    Variable::new("ARGUS_PACKET_CAPTURE_FILE", "<file>", "also write packets to a pcap file."),
    Variable::new("ARGUS_PACKET_CAPTURE_ON_ERROR", "yes|no", "only packets that could not be decoded."),
    Variable::new("ARGUS_PACKET_CAPTURE_ON_PROTO", "<list>", "only packets of these protocols."),
    Variable::new("ARGUS_ENCAPS_CAPTURE", "yes|no", "with -format 5: headers around the first packets."),
    Variable::new("ARGUS_MIN_SSF", "<n>", "accepted; clients are not authenticated."),
    Variable::new("ARGUS_MAX_SSF", "<n>", "accepted; clients are not authenticated."),
    Variable::new("ARGUS_COLLECTOR", "<text>", "accepted without effect."),
    Variable::new("ARGUS_ENV", "<NAME=value>", "put into the environment; repeatable."),
    Variable::new(
        "ARGUS_EVENT_DATA",
        "<method:path:interval>",
        "periodic event records, file: or prog:, of a live sensor; repeatable.",
    ),
    Variable::new("ARGUS_KEYSTROKE", "yes|tcp|ssh|no", "count keystrokes in TCP or SSH connections."),
    Variable::new(
        "ARGUS_KEYSTROKE_CONF",
        "<NAME=v;...>",
        "its parameters: DC_MIN, DC_MAX, GS_MAX, DS_MIN, DS_MAX, IC_MIN, GPC_MAX, ICR_MIN, ICR_MAX.",
    ),
    Variable::new("ARGUS_OS_FINGERPRINTING", "yes|no", "5.x; accepted without effect."),
    Variable::new("ARGUS_TUNNEL_DISCOVERY", "yes|no", "look for tunnels in UDP."),
    Variable::new("ARGUS_TUNNEL_PARSING", "yes|no", "look for tunnels in UDP and tell them."),
    Variable::new("ARGUS_TUNNEL_INFORMATION", "yes|no", "with -format 5: tell tunnels."),
    Variable::new("ARGUS_TRACK_DUPLICATES", "yes|no", "tell duplicate packets from retransmissions."),
    Variable::new("ARGUS_DEDUP", "yes|no", "5.x; accepted without effect."),
    Variable::new("ARGUS_IP_TIMEOUT", "<secs>", "idle timeout of IP flows, 30."),
    Variable::new("ARGUS_TCP_TIMEOUT", "<secs>", "idle timeout of TCP flows, 60."),
    Variable::new("ARGUS_ICMP_TIMEOUT", "<secs>", "idle timeout of ICMP flows, 5."),
    Variable::new("ARGUS_IGMP_TIMEOUT", "<secs>", "idle timeout of IGMP flows, as ARGUS_IP_TIMEOUT."),
    Variable::new(
        "ARGUS_FRAG_TIMEOUT",
        "<secs>",
        "idle timeout of fragments without their first, as ARGUS_IP_TIMEOUT.",
    ),
    Variable::new("ARGUS_ARP_TIMEOUT", "<secs>", "idle timeout of ARP flows, 5."),
    Variable::new("ARGUS_OTHER_TIMEOUT", "<secs>", "idle timeout of other flows, 30."),
    Variable::new(
        "ARGUS_TCP_FALLOW_TIMEOUT",
        "<secs>",
        "how much longer a live TCP connection is remembered (0).",
    ),
    Variable::new("ARGUS_PCAP_BUF_SIZE", "<n[K|M|G]>", "rings of one interface in octets (16M)."),
    Variable::new(
        "ARGUS_CAPTURE_THREADS",
        "<n>",
        "threads that share the packets of an interface, all of a flow to the same one; 1 to 16 (1).",
    ),
    Variable::new("ARGUS_PCAP_DISPATCH_NUM", "<n>", "5.x; accepted without effect."),
    Variable::new(
        "ARGUS_TIMESTAMP_TYPE",
        "<list>",
        "who stamps packets: the kernel, or with adapter or unsync the hardware, by its own clock.",
    ),
    Variable::new(
        "ARGUS_INTERFACE_SCAN_INTERVAL",
        "<secs>",
        "how often lost interfaces are looked for, 1 to 60 (2).",
    ),
    Variable::new("ARGUS_HASHTABLE_SIZE", "<n>", "buckets that the hash is counted in (-H)."),
    Variable::new("ARGUS_FORMAT", "3|5", "version of the records (--format)."),
    Variable::new("ARGUS_MAX_FLOWS", "<n[K|M|G]>", "flows remembered at most (--max-flows)."),
    Variable::new("ARGUS_MAX_OCTETS", "<n[K|M|G]>", "octets of flow state kept at most (--max-octets)."),
    Variable::new("ARGUS_COMPATIBILITY", "3.0.8", "as --compat."),
];
