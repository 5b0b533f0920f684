//! The simple parts of `ansible.utils.ipaddr` and its kin.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Filter;
use crate::vars::arguments::Given;
use crate::vars::engine::Environment;
use crate::vars::error::Failure;
use crate::vars::python::{Outcome, items_of, text_of};
use crate::vars::value::Value;

/// These filters.
pub const FILTERS: &[Filter] = &[
    Filter { name: "ipaddr", run: |_, value, given| ipaddr(&value, given, None) },
    Filter { name: "ipv4", run: |_, value, given| ipaddr(&value, given, Some(4)) },
    Filter { name: "ipv6", run: |_, value, given| ipaddr(&value, given, Some(6)) },
    Filter { name: "ipwrap", run: ipwrap },
];

/// An address with the length of its network, if it was written.
struct Network {
    address: IpAddr,
    prefix: u8,
    written: bool,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => return Some(Self { address, prefix: most, written: false }),
            Some(prefix) => match prefix.parse::<Ipv4Addr>() {
                Ok(mask) if address.is_ipv4() && mask.to_bits().leading_ones() + mask.to_bits().trailing_zeros() == 32 => {
                    u8::try_from(mask.to_bits().leading_ones()).ok()?
                }
                _ => prefix.parse().ok().filter(|prefix| *prefix <= most)?,
            },
        };
        Some(Self { address, prefix, written: true })
    }

    fn with(&self, change: impl Fn(u128, u128) -> u128) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                let bits = change(u128::from(address.to_bits()), u128::from(mask) | (u128::MAX << 32));
                IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0)))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(change(address.to_bits(), mask)))
            }
        }
    }

    fn network(&self) -> IpAddr {
        self.with(|bits, mask| bits & mask)
    }

    fn query(&self, query: &str, given: &str) -> Outcome {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        let is_host = !self.written || self.prefix == most || self.address != self.network();
        let text = |value: String| Ok(Value::from(value));
        let or_false = |holds: bool, value: String| Ok(if holds { Value::from(value) } else { Value::Bool(false) });
        match query {
            "" => text(given.to_owned()),
            "address" | "ip" => or_false(is_host, self.address.to_string()),
            "network" | "network_id" => text(self.network().to_string()),
            "netmask" => text(self.with(|_, mask| mask).to_string()),
            "hostmask" | "wildcard" => text(self.with(|_, mask| !mask).to_string()),
            "broadcast" => or_false(self.address.is_ipv4() && self.prefix < 31, self.with(|bits, mask| bits | !mask).to_string()),
            "prefix" => Ok(Value::Int(i128::from(self.prefix))),
            "version" => Ok(Value::Int(if self.address.is_ipv4() { 4 } else { 6 })),
            "subnet" | "net" | "network/prefix" => or_false(query != "net" || self.address == self.network(), format!("{}/{}", self.network(), self.prefix)),
            "host/prefix" | "address/prefix" | "hostnet" | "ip/prefix" => or_false(is_host, format!("{}/{}", self.address, self.prefix)),
            "host" => text(format!("{}/{}", self.address, self.prefix)),
            "size" => Ok(Value::Int(1i128.checked_shl(u32::from(most - self.prefix)).filter(|size| *size > 0).unwrap_or(i128::MAX))),
            "ipv4" => or_false(self.address.is_ipv4(), given.to_owned()),
            "ipv6" => or_false(self.address.is_ipv6(), given.to_owned()),
            "wrap" => text(if self.address.is_ipv6() { format!("[{}]", self.address) } else { given.to_owned() }),
            "private" => or_false(self.is_private(), given.to_owned()),
            "public" => or_false(!self.is_private() && !self.address.is_loopback() && !self.address.is_multicast(), given.to_owned()),
            "loopback" | "lo" => or_false(self.address.is_loopback(), given.to_owned()),
            "multicast" => or_false(self.address.is_multicast(), given.to_owned()),
            _ => Err(Failure::failed("`ipaddr` does not know this query").help("there are `address`, `network`, `netmask`, `prefix`, `broadcast`, `subnet`, `host`, `version`, `size`, `private`, `public`")),
        }
    }

    fn is_private(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
            IpAddr::V6(address) => address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local(),
        }
    }
}

fn ipaddr(value: &Value, given: Given, version: Option<u8>) -> Outcome {
    let query = given.clone().bind("ipaddr", ["query", "version", "alias"])?.text(0, "")?;
    if let Value::List(_) = value {
        let mut found = Vec::new();
        for item in items_of(value)? {
            let result = ipaddr(&item, given.clone(), version)?;
            if !matches!(result, Value::Bool(false)) {
                found.push(result);
            }
        }
        return Ok(Value::list(found));
    }
    if let Value::None | Value::Bool(_) = value {
        return Ok(Value::Bool(false));
    }
    let text = text_of(value)?;
    let Some(network) = Network::parse(&text) else {
        return Ok(Value::Bool(false));
    };
    if version.is_some_and(|version| (version == 4) != network.address.is_ipv4()) {
        return Ok(Value::Bool(false));
    }
    network.query(&query, &text)
}

fn ipwrap(_: &Environment<'_>, value: Value, _: Given) -> Outcome {
    let text = text_of(&value)?;
    let (address, rest) = text.find('/').map_or((text.as_str(), ""), |at| text.split_at(at));
    Ok(match address.parse::<Ipv6Addr>() {
        Ok(address) => Value::from(format!("[{address}]{rest}")),
        Err(_) => value,
    })
}
