//! What the manual pages of the clients say beside options and variables.

/// Sections of the manual of `ra`.
pub const SECTIONS: &[(&str, &str)] = &[
    ("FIELDS", FIELDS),
    ("FILTERS", FILTERS),
    ("TIME RANGES", TIMES),
    ("EXIT STATUS", STATUSES),
    ("EXAMPLES", EXAMPLES),
];

const FIELDS: &str = "-s takes names of fields, each with a width perhaps (saddr:40), separated by blanks or commas. \
                      When the first has a sign, the default columns are edited: +name appends, +2name puts it behind \
                      the second column, -name removes.

                      The fields: stime ltime trans dur mean min max saddr daddr proto sport dport stos dtos sdsb ddsb sttl \
                      dttl bytes sbytes dbytes appbytes sappbytes dappbytes pkts spkts dpkts load sload dload loss \
                      sloss dloss ploss sploss dploss rate srate drate srcid flgs smac dmac dir sintpkt dintpkt \
                      sintpktact dintpktact sintpktidl dintpktidl sintpktmax sintpktmin dintpktmax dintpktmin \
                      sintpktactmax sintpktactmin dintpktactmax dintpktactmin sintpktidlmax sintpktidlmin \
                      dintpktidlmax dintpktidlmin xxx sjit djit sjitact djitact sjitidl djitidl state dldur \
                      dlstime dlltime dlspkt dldpkt dspkts ddpkts dsbytes ddbytes pdspkts pddpkts pdsbytes \
                      pddbytes suser duser tcpext swin dwin jdelay ldelay seq bins binnum smpls dmpls svlan dvlan \
                      svid dvid svpri dvpri sipid dipid srng erng stcpb dtcpb tcprtt inode stddev rtime offset \
                      snet dnet sdur ddur stcpmax dtcpmax synack ackdat sstime sltime dstime dltime senc denc \
                      spktsz smaxsz sminsz dpktsz dmaxsz dminsz sco dco shops dhops icmpid label sintdist dintdist \
                      sintdistact dintdistact sintdistidl dintdistidl retrans sretrans dretrans pretrans spretrans \
                      dpretrans nacks snacks dnacks pnacks spnacks dpnacks solo ssolo dsolo psolo spsolo dpsolo \
                      first sfirst dfirst pfirst spfirst dpfirst autoid sas das ias cause bssid ssid nstroke \
                      snstroke dnstroke smeansz dmeansz rank sum runtime idle tcpopt resp sgap dgap soui doui cor \
                      laddr raddr lnet rnet abr pcr tf stf dtf ico.

                      Those that argus 5 added: slat slon dlat dlon ilat ilon sloc dloc loc sid node inf status sgrp dgrp hash ind score \
                      sname dname etype idlemean idlemin idlemax idlestddev smss dmss intflow actintflow \
                      idleintflow intflowmax intflowmin intflowsdev actintflowmax actintflowmin actintflowsdev \
                      idleintflowmax idleintflowmin idleintflowsdev svnid dvnid type smacoui dmacoui smacclass \
                      dmacclass sgreaddr dgreaddr greproto sgenaddr dgenaddr genproto sencbuf dencbuf dsrs.";

const FILTERS: &str = "What follows the options, after a dash, is a filter: tests joined by and, or, not and \
                       parentheses; and and or bind equally, from the left. -b shows what a filter means.

                       Protocols: tcp, udp, icmp, arp, ip, ipv6; others by name or number: proto ospf.

                       Ends: host, net, port, with src or dst before them: src host 10.0.0.1, dst port 80, \
                       net 10.0.0.0/8, port 8000-8999. lcl and rmt stand for the end that RA_LOCAL calls local, and the \
                       other.

                       Values are compared by the words eq, gt, gte, lt, lte: bytes gt 10000, src pkts lt 5, dur gt \
                       1.5, rate gt 100, loss gt 0, ttl lt 10, tos 16, vid 7, as 64500, co US.

                       States: con, syn, fin, reset, retrans, outoforder, winshut, frag, unreach, timexed, icmpmap. \
                       Records: man, far, event, start, status, stop.

                       A filter goes to the source too, so that records that nobody wants are not sent; with local \
                       before it, it stays here.";

const TIMES: &str = "-t takes a moment or two, joined by a dash, or by a plus and a duration: 2026/11/22, \
                     2026/11/22.14:30, 14:30-15:00, 14+90m, 11/22+1d; or the past: -30m, -2h. What is left out is of \
                     today. Asterisks stand for any: **.14 is from 14 to 15 hours on any day of this month. In \
                     front of it, c chooses records that lie within the range, n those that cover it, x those that it \
                     does not choose.";

const STATUSES: &str = "0 when at least one record passed the filter, whether it was printed, written or, with -q, neither; \
                        a record that the time range dropped counts.

                        1 when no record did, or no input was argus data; when the filter or the time range is wrong, an \
                        output cannot be written or a source cannot be reached.

                        2 when an input file cannot be opened (the others are read all the same), and when the command line \
                        or the configuration is wrong, for which --compat 3.0.8 ends with 1.

                        Failures are told in one line each on standard error.";

const EXAMPLES: &str = "ra -r flows.argus -n - tcp and port 443

                        ra -r flows.argus.gz -s stime dur saddr dir daddr spkts dpkts state -t 14:30-15:00

                        ra -S sensor:561 -M json - local host 192.0.2.7

                        ra -R archive -c , -u -s stime saddr daddr bytes - bytes gt 1000000 > large.csv

                        ra -r cisco:exports.pcap -w flows.argus";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_named() {
        let words: Vec<&str> = FIELDS.split([' ', '.', '\n']).collect();
        for field in field::table::FIELDS {
            assert!(words.contains(&field.name), "{}", field.name);
        }
    }

    #[test]
    fn filters_and_times_are_understood() {
        for filter in
            ["proto ospf", "src host 10.0.0.1", "port 8000-8999", "dur gt 1.5", "co US", "winshut or icmpmap"]
        {
            assert!(filter::Filter::parse(filter).is_ok(), "{filter}");
        }
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        for range in
            ["2026/11/22", "2026/11/22.14:30", "14:30-15:00", "14+90m", "11/22+1d", "-30m", "-2h", "**.14"]
        {
            assert!(TIMES.contains(range), "{range}");
            assert!(stream::TimeRange::parse(range, &now, false).is_ok(), "{range}");
        }
    }
}
