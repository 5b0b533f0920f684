//! What goes wrong, and how a run may end because of it.

use std::ops::RangeInclusive;

/// An enum with the list of its own variants.
macro_rules! listed {
    ($(#[$attribute:meta])* enum $name:ident { $($variant:ident),* $(,)? }) => {
        $(#[$attribute])*
        pub enum $name {
            $($variant),*
        }

        impl $name {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

listed! {
    /// One thing that goes wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Fault {
        Kill,
        Interrupt,
        InterruptTwice,
        Cut,
        Silence,
        SshRestart,
        SessionsKilled,
        DockerRestart,
        Reboot,
        FullMemory,
        FullFolder,
        RegistryDown,
        Exit,
        Hang,
        WrongOwner,
        SecondRun,
        HolderKilled,
    }
}

use Fault::*;

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Kill => "kill -9",
            Interrupt => "Ctrl-C",
            InterruptTwice => "Ctrl-C twice",
            Cut => "connection reset",
            Silence => "connection silent",
            SshRestart => "sshd restarted",
            SessionsKilled => "sessions killed on the host",
            DockerRestart => "dockerd restarted",
            Reboot => "power cut",
            FullMemory => "disk full below /var/lib/homestead",
            FullFolder => "disk full below /matrix/synapse/config",
            RegistryDown => "registry down",
            Exit => "service exits",
            Hang => "service hangs",
            WrongOwner => "folders given to another owner",
            SecondRun => "second run",
            HolderKilled => "holder of the lock killed",
        }
    }

    /// What was done, for the page about it.
    pub fn meaning(self) -> &'static str {
        match self {
            Kill => "homestead gets SIGKILL; what it sent last and was still on its way is lost",
            Interrupt => "SIGINT, once",
            InterruptTwice => "SIGINT, and again 30 ms later",
            Cut => "a TCP proxy on the way sends RST to both sides",
            Silence => "the proxy swallows everything both ways and tells nobody; new connections work",
            SshRestart => "`systemctl restart ssh`; its sessions live on",
            SessionsKilled => "SIGKILL to every process of every SSH session, and sshd restarted",
            DockerRestart => "`systemctl restart docker`, which takes every service with it",
            Reboot => "every process of the host dies at once, and it boots",
            FullMemory => "the file system of `/var/lib/homestead` has no byte left until the run is over",
            FullFolder => "the file system of `/matrix/synapse/config` has no byte left until the run is over",
            RegistryDown => "the registry that an image is to come from is stopped until the run is over",
            Exit => "the container of the service that is waited for is killed",
            Hang => "the container of the service that is waited for is paused",
            WrongOwner => "`chown -R` of two configuration folders to `nobody`",
            SecondRun => "the first run stands still while another begins",
            HolderKilled => "SIGKILL to what holds the lock on the host",
        }
    }

    /// The exit codes that the run may end with.
    pub fn ends(self) -> &'static [i32] {
        match self {
            Kill => &[137],
            // What was asked to stop may have been done already.
            Interrupt | InterruptTwice => &[130, 0],
            // So may the run when its connection breaks behind the last answer.
            Cut | Silence | SessionsKilled | Reboot => &[4, 0],
            SshRestart => &[0, 4],
            DockerRestart => &[0, 2, 20],
            FullMemory | FullFolder => &[0, 2, 20],
            RegistryDown => &[2],
            Exit => &[0, 20],
            Hang => &[20],
            WrongOwner => &[0, 2, 20],
            SecondRun => &[0],
            HolderKilled => &[21],
        }
    }

    /// How long the host's lock may stay taken when the run is gone, in seconds. A host that hears nothing must wait
    /// a while before it may believe that nobody is there.
    pub fn lock_seconds(self) -> u64 {
        if self == Silence { 90 } else { 10 }
    }

    /// Whether the program and its connection stand still while it happens.
    pub fn stands_still(self) -> bool {
        !matches!(self, Kill | Interrupt | InterruptTwice | Cut | Silence)
    }

    /// About how long a case of it takes, in seconds, to share the work out.
    pub fn cost(self) -> u64 {
        match self {
            Silence => 90,
            Hang => 70,
            DockerRestart | Reboot => 35,
            SecondRun => 12,
            _ => 18,
        }
    }

    /// How often it may happen that the host's share of the evidence differs from both states: only where the fault
    /// itself is that difference.
    pub fn changes_owners(self) -> bool {
        self == WrongOwner
    }
}

/// Exit codes after which every file is as it was before the run.
pub const PUT_BACK: RangeInclusive<i32> = 20..=20;
