//! The arguments, and the help that teaches them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::Styles};

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked                       5  the arguments, or what they name, are wrong
  1  something of this machine       6  try again later: network, timeout, rate, server
  2  the command line is wrong       7  Cronofy refuses: permission, plan, locked
  3  the configuration is wrong      8  the token store
  4  authorize (again)               9  the demo did not do what it says (130: interrupted)

Begin with `orgconnect demo`, or with `orgconnect sandbox` in one terminal and `orgconnect login` in another.";

/// Connect an organization's calendars through Cronofy, and act as any of its members
#[derive(Debug, Parser)]
#[command(name = "orgconnect", version, after_help = EXIT_CODES, styles = Styles::plain(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which application, which Cronofy, which store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The application's client id
    #[arg(long, global = true, env = "CRONOFY_CLIENT_ID", value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Read the application's client secret from this file. Or set `CRONOFY_CLIENT_SECRET`; there is no flag for the
    /// secret itself, since others can read the arguments of a running program
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// The data center: us, de, uk, au, ca or sg
    #[arg(long, global = true, env = "CRONOFY_DATA_CENTER", value_name = "ID")]
    pub(crate) data_center: Option<String>,
    /// A sandbox or a gateway in place of a data center, like <http://127.0.0.1:8787>
    #[arg(long, global = true, env = "ORGCONNECT_BASE_URL", value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Where tokens are kept: a directory, or a store by its name, like sqlite:tokens.db, keyring:DIR, `postgres://HOST/DB` or
    /// `rediss://HOST`, each with ?key=env:NAME or ?key=file:PATH to seal it. A name with a password belongs in
    /// `ORGCONNECT_STORE` [default: orgconnect/tokens in your data directory]
    #[arg(long, global = true, env = "ORGCONNECT_STORE", hide_env_values = true, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Print JSON, one value a line, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole of it: connect an organization, act as a member, refresh, restart, revoke
    #[command(
        after_help = "Without credentials it runs in a sandbox of its own. With CRONOFY_CLIENT_ID, CRONOFY_CLIENT_SECRET and\n\
        CRONOFY_DATA_CENTER set it runs against Cronofy, in your browser, and skips what would change or wait for something of yours."
    )]
    Demo(Demo),
    /// Run the sandbox: a server on this machine that behaves like Cronofy
    #[command(
        after_help = "Examples:\n  orgconnect sandbox\n  orgconnect sandbox --port 9000 --data world.sqlite\n  orgconnect sandbox --auto-approve --json"
    )]
    Sandbox(Sandbox),
    /// Connect an organization (or an account) in the browser, and keep its tokens
    #[command(
        after_help = "Examples:\n  orgconnect login\n  orgconnect login --connection clinic\n  orgconnect login --individual read_events create_event"
    )]
    Login(Login),
    /// List the connections in the token store, and look after them
    #[command(
        after_help = "Without a command it lists.\n\nExamples:\n  orgconnect connections\n  orgconnect connections show clinic\n  \
        orgconnect connections migrate --from file:tokens --to 'sqlite:tokens.db?key=file:token.key'"
    )]
    Connections {
        #[command(subcommand)]
        command: Option<Connections>,
    },
    /// Look for what is wrong, and say how to mend it
    #[command(
        after_help = "Looks at the settings, the token store, the network, the clock, the application's credentials and every connection.\n\
        It sends a code that can't be valid, to see whether the credentials are accepted, and refreshes a token that has ended.\n\n\
        Examples:\n  orgconnect doctor\n  orgconnect doctor --connection clinic\n  orgconnect doctor --redirect-uri https://app.example/callback --json"
    )]
    Doctor(Doctor),
    /// List the members of a connected organization
    #[command(
        after_help = "Examples:\n  orgconnect members\n  orgconnect members --connection clinic --json"
    )]
    Members(Acting),
    /// Say who a connection belongs to, or who a member is
    #[command(after_help = "Examples:\n  orgconnect whoami\n  orgconnect whoami --as doc@example.com")]
    Whoami(Acting),
    /// Call any operation of Cronofy's API
    #[command(
        after_help = "Arguments are key=value; the operation says which are numbers, lists or times. key:=JSON gives JSON as it is,\n\
        key=@FILE the content of a file (@- of standard input), a.b=value a field of an object, a.0.b=value of an item in a list,\n\
        and a key given twice makes a list.\n\n\
        Examples:\n  orgconnect call --list\n  orgconnect call events.upsert --describe\n  \
        orgconnect call calendars.list --as doc@example.com\n  \
        orgconnect call events.read tzid=Europe/London include_managed=true --all --as doc@example.com\n  \
        orgconnect call events.upsert calendar_id=cal_1 event_id=1 summary=Check-up start=2026-12-07T09:00:00Z end=2026-12-07T09:30:00Z --as doc@example.com"
    )]
    Call(Call),
    /// Look after the tokens of a connection
    #[command(subcommand)]
    Token(Token),
    /// Check what Cronofy posts to you
    #[command(subcommand)]
    Webhook(Webhook),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  orgconnect completions bash > /etc/bash_completion.d/orgconnect")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Connections {
    /// List them, those that have ended or can't be read too
    List,
    /// Show what is known of one, without its tokens
    #[command(after_help = "Example:\n  orgconnect connections show clinic --json")]
    Show(Named),
    /// Revoke the grant of one at Cronofy, and erase its tokens
    #[command(after_help = "Example:\n  orgconnect connections revoke clinic")]
    Revoke(Named),
    /// Take over a refresh token that another program of the application has obtained
    #[command(
        after_help = "The refresh token is read from standard input: arguments are seen by everybody on the machine. It is stored, and refreshed at\n\
        once. Stop what used it before: Cronofy may change a refresh token when it is used.\n\n\
        Example:\n  orgconnect connections import clinic < refresh-token.txt"
    )]
    Import {
        /// The name to keep it under
        #[arg(value_name = "ID")]
        connection: String,
    },
    /// Seal every record with the current key of the store
    #[command(
        after_help = "To change the key of a store: put the new one before the old in the key file (or variable) and restart what uses the\n\
        store, run this, and take the old one away once it has moved everything.\n\n\
        Example:\n  orgconnect connections rewrap --store 'sqlite:tokens.db?key=file:token.key'"
    )]
    Rewrap {
        /// Seal records that are in clear text, too: they were written before there was a key
        #[arg(long)]
        clear_text: bool,
    },
    /// Copy every connection of the application to another store
    #[command(
        after_help = "Stop what uses the old store first: of two copies, a refresh through one may end the other. May be repeated; what is\n\
        there already and differs is left alone and reported.\n\n\
        Example:\n  orgconnect connections migrate --from file:tokens --to 'postgres://db.example/app?key=env:TOKEN_KEY' --remove"
    )]
    Migrate {
        /// The store to copy from: a directory, or a store by its name
        #[arg(long, value_name = "STORE")]
        from: String,
        /// The store to copy to
        #[arg(long, value_name = "STORE")]
        to: String,
        /// Remove each record from the old store once it is in the new one
        #[arg(long)]
        remove: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The connection [default: the only one in the store]
    #[arg(value_name = "ID")]
    pub(crate) connection: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Look at this connection only
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Option<String>,
    /// Ask Cronofy whether it accepts this redirect URI
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The port of the loopback redirect; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How many seconds to wait for the approval in the browser
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wait: u64,
    /// Print the authorization URL and open no browser
    #[arg(long)]
    pub(crate) no_browser: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// The port to listen on, on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    pub(crate) port: u16,
    /// Keep the world in this SQLite file
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Make ids and secrets the same every time; without it they are random
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Approve every authorization at once, without a page
    #[arg(long)]
    pub(crate) auto_approve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Keep the tokens under this id [default: the `sub` of the grant]
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Option<String>,
    /// Connect one account with these scopes, instead of an organization
    #[arg(long, num_args = 1.., value_name = "SCOPE", conflicts_with = "enterprise")]
    pub(crate) individual: Vec<String>,
    /// Connect a service account that may delegate these scopes, instead of an organization
    #[arg(long, num_args = 1.., value_name = "DELEGATED_SCOPE")]
    pub(crate) enterprise: Vec<String>,
    /// The display language of the pages, like de
    #[arg(long)]
    pub(crate) locale: Option<String>,
    /// The port of the loopback redirect; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How many seconds to wait for the approval
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wait: u64,
    /// Print the authorization URL and open no browser
    #[arg(long)]
    pub(crate) no_browser: bool,
}

/// Which connection, and whom to act as.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Acting {
    /// The connection [default: the only one in the store]
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Option<String>,
    /// Act as this member, by `sub` or e-mail address
    #[arg(long = "as", value_name = "SUB|EMAIL")]
    pub(crate) member: Option<String>,
    /// The application is an Internal Application: its secret stands for its organization, and nothing needs to be connected
    #[arg(long, conflicts_with = "connection")]
    pub(crate) internal: bool,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Call {
    /// The operation, like events.read
    #[arg(required_unless_present = "list")]
    pub(crate) operation: Option<String>,
    /// Its arguments
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) arguments: Vec<String>,
    #[command(flatten)]
    pub(crate) acting: Acting,
    /// Call with the application's own credentials
    #[arg(long, conflicts_with_all = ["connection", "member", "internal"])]
    pub(crate) as_application: bool,
    /// Follow all pages, and print their items one after the other
    #[arg(long)]
    pub(crate) all: bool,
    /// Describe the operation's arguments instead of calling it
    #[arg(long)]
    pub(crate) describe: bool,
    /// List all operations
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the tokens and secrets that the reply holds; without this they are left out
    #[arg(long)]
    pub(crate) reveal: bool,
    /// Read the Admin API key, for operations that take one, from this file. Or set `CRONOFY_ADMIN_API_KEY`
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Show what is known of the tokens, without the tokens
    #[command(
        after_help = "Examples:\n  orgconnect token show\n  orgconnect token show --connection clinic --reveal"
    )]
    Show {
        #[command(flatten)]
        which: Which,
        /// Print the access token itself, refreshed if need be, and nothing else
        #[arg(long)]
        reveal: bool,
    },
    /// Refresh the access token now
    #[command(
        after_help = "It is refreshed by itself when it is due.\n\nExample:\n  orgconnect token refresh"
    )]
    Refresh(Which),
    /// Revoke the grant at Cronofy, and erase its tokens
    #[command(after_help = "Example:\n  orgconnect token revoke --connection clinic")]
    Revoke(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The connection [default: the only one in the store]
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Check the signature of a notification over its raw body
    #[command(
        after_help = "Examples:\n  orgconnect webhook verify --signature \"$HEADER\" body.json\n  orgconnect webhook verify --signature \"$HEADER\" --secret-env OLD_SECRET --secret-env NEW_SECRET < body.json"
    )]
    Verify {
        /// The value of the header Cronofy-HMAC-SHA256
        #[arg(long)]
        signature: String,
        /// Accept what the secret in this file has signed, too; repeatable [default: the client secret alone]
        #[arg(long, value_name = "FILE")]
        secret_file: Vec<PathBuf>,
        /// Accept what the secret in this variable has signed, too; repeatable
        #[arg(long, value_name = "NAME")]
        secret_env: Vec<String>,
        /// The raw body, as it was received; `-` for standard input
        #[arg(default_value = "-")]
        body: PathBuf,
    },
}
