//! The keys we know: the manual's, and our own options under `countersign.`.

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// The option of `serve` with this long name.
    Option(String),
    /// A part of something that several keys make up together; see `compose.rs`.
    Part,
    /// Nothing here, for this reason; it is taken, and told.
    Nothing(&'static str),
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// As the manual writes it.
    pub name: String,
    /// What it means.
    pub means: Means,
    /// Whether its value can be in a file of its own: `<name>-file`, or the variable with `_FILE` at the end.
    pub is_secret: bool,
}

/// Of the manual, and what follows from the framework it is built on.
const MANUALS: &[(&str, &str)] = &[
    ("pc.server.instance-name", "instance-name"),
    ("pc.external.locale", "locale"),
    ("pc.external.themes-path", "themes-path"),
    ("pc.external.deeplink-scheme", "deeplink-scheme"),
    ("pc.pusher.config-path", "pusher-config-path"),
    ("spring.datasource.url", "database-url"),
    ("spring.datasource.username", "database-user"),
    ("server.ssl.certificate", "tls-cert"),
    ("server.ssl.certificate-private-key", "tls-key"),
    ("server.ssl.trust-certificate", "tls-client-ca"),
    ("server.ssl.key-store", "tls-key-store"),
    ("server.ssl.trust-store", "tls-trust-store"),
    ("server.ssl.client-auth", "tls-client-auth"),
];

const SECRETS: &[(&str, &str)] = &[
    ("spring.datasource.password", "database-password"),
    ("server.ssl.key-store-password", "tls-key-store-password"),
    ("countersign.pusher-token", "pusher-token"),
    (
        "server.ssl.trust-store-password",
        "tls-trust-store-password",
    ),
];

/// Secrets of our own that the manual has no name for.
const OWN_SECRETS: [&str; 2] = ["codes-smtp-password", "codes-smpp-password"];

/// Keys of which several make up one option, or whose value has one permitted meaning.
const PARTS: &[&str] = &[
    "server.address",
    "server.port",
    "server.servlet.context-path",
    "server.ssl.enabled",
    "server.ssl.key-store-type",
    "server.ssl.trust-store-type",
    "server.ssl.protocol",
    "spring.jpa.database-platform",
    "logging.level.root",
    "logging.level.tech.paycon",
];

const ONE_PROGRAM: &str = "the modules are one program here and need no address of each other";

const NOTHING: &[(&str, &str)] = &[
    ("pc.external.server.url", ONE_PROGRAM),
    ("pc.external.network-timeout", ONE_PROGRAM),
    ("pc.external.kyc.url", "there is no eKYC module here"),
    ("pc.crt.pcs-url", ONE_PROGRAM),
    ("pc.signer.secret", "there is no server-side signing yet"),
    ("pc.signer.url", "there is no server-side signing yet"),
    ("pc.signer.pcs-url", "there is no server-side signing yet"),
];

/// Options that a file cannot give: they say which file, and what to do with it.
const COMMAND_LINE_ONLY: [&str; 4] = ["config", "print-config", "help", "version"];

/// Begins the names that are ours to refuse.
pub const OURS: [&str; 2] = ["countersign.", "pc."];

/// Every key, with those of the program's options.
pub fn known(options: &[String]) -> Vec<Key> {
    let key = |name: &str, means, is_secret| Key {
        name: name.to_owned(),
        means,
        is_secret,
    };
    let option = |name: &&str| Means::Option((*name).to_owned());
    let manuals = MANUALS
        .iter()
        .map(|(name, long)| key(name, option(long), false));
    let secrets = SECRETS
        .iter()
        .map(|(name, long)| key(name, option(long), true));
    let parts = PARTS.iter().map(|name| key(name, Means::Part, false));
    let nothing = NOTHING
        .iter()
        .map(|(name, reason)| key(name, Means::Nothing(reason), false));
    let own = options
        .iter()
        .filter(|long| !COMMAND_LINE_ONLY.contains(&long.as_str()))
        // A setting is one name under `countersign.set`.
        .filter(|long| *long != "set")
        .map(|long| {
            let is_secret = SECRETS.iter().any(|(_, secret)| secret == long)
                || OWN_SECRETS.contains(&long.as_str());
            let name = format!("countersign.{long}");
            key(&name, Means::Option(long.clone()), is_secret)
        });
    manuals
        .chain(secrets)
        .chain(parts)
        .chain(nothing)
        .chain(own)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_operators_names_every_key_that_does_something() {
        let page = include_str!("../../../../docs/configuration.md");
        let own = ["listen".to_owned()];
        for key in known(&own) {
            let is_ours = key.name.starts_with(OURS[0]);
            let does_nothing = matches!(key.means, Means::Nothing(_));
            if !is_ours && !does_nothing {
                assert!(page.contains(&format!("`{}`", key.name)), "{}", key.name);
            }
        }
    }

    #[test]
    fn every_option_that_a_key_means_is_one_of_serve() {
        use clap::CommandFactory as _;
        let program = crate::Arguments::command();
        let serve = program.find_subcommand("serve").expect("it can serve");
        let options: Vec<String> = serve
            .get_arguments()
            .filter_map(|argument| argument.get_long().map(ToOwned::to_owned))
            .collect();
        for key in known(&options) {
            if let Means::Option(option) = key.means {
                assert!(options.contains(&option), "{}: {option}", key.name);
            }
        }
    }
}
