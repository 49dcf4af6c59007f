//! What lies under the seal: the whole state of a key, as JSON that is wiped after use.

use schemas::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::contents::{KeyActivated, KeyRenewed, Registered};
use crate::key::{DeviceKey, PendingActivation, PendingRegistration, PendingRenewal, Secrets};
use crate::key_json::{KeyInfo, KeyMaterial};
use crate::request::Submission;
use crate::secrets::{FirstHalf, MasterKey};
use crate::signer::KeyPair;

/// Room for a usual record, so that growing does not leave copies behind.
const CAPACITY_BYTES: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Record {
    info: KeyInfo,
    material: Material,
    pair: Option<Hex32>,
    #[serde(default)]
    autosign_pair: Option<Hex32>,
    activating: Option<Activating>,
    registering: Option<Registering>,
    #[serde(default)]
    renewing: Option<Renewing>,
    fingerprint: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Material {
    Half(Hex32),
    Whole(Hex32),
}

#[derive(Serialize, Deserialize)]
struct Activating {
    code: Code,
    submission: Submission<KeyActivated>,
}

#[derive(Serialize, Deserialize)]
struct Registering {
    pair: Hex32,
    #[serde(default)]
    autosign_pair: Option<Hex32>,
    submission: Submission<Registered>,
}

#[derive(Serialize, Deserialize)]
struct Renewing {
    shown: Hex32,
    submission: Submission<KeyRenewed>,
}

/// The state of a key as bytes.
pub fn encode(key: &DeviceKey) -> Zeroizing<Vec<u8>> {
    let record = Record {
        info: key.info.clone(),
        material: match &key.secrets {
            Secrets::Half { first, .. } => Material::Half(Hex32::of(first.expose())),
            Secrets::Whole { master, .. } => Material::Whole(Hex32::of(master.expose())),
        },
        pair: key.pair.as_ref().map(|pair| Hex32(pair.secret())),
        autosign_pair: key.autosign_pair.as_ref().map(|pair| Hex32(pair.secret())),
        activating: key.activating.as_ref().map(|pending| Activating {
            code: Code(pending.code.clone()),
            submission: pending.submission.clone(),
        }),
        registering: key.registering.as_ref().map(|pending| Registering {
            pair: Hex32(pending.pair.secret()),
            autosign_pair: pending
                .autosign_pair
                .as_ref()
                .map(|pair| Hex32(pair.secret())),
            submission: pending.submission.clone(),
        }),
        renewing: key.renewing.as_ref().map(|pending| Renewing {
            shown: Hex32(pending.shown.clone()),
            submission: pending.submission.clone(),
        }),
        fingerprint: key.fingerprint,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY_BYTES));
    serde_json::to_writer(&mut *bytes, &record).expect("the record is a map with text keys");
    bytes
}

/// The state of a key from its bytes; `None` when they are not a record of ours.
pub fn decode(bytes: &[u8]) -> Option<DeviceKey> {
    let record: Record = serde_json::from_slice(bytes).ok()?;
    let pair_of = |secret: Hex32| KeyPair::from_secret(&secret.0);
    // A number that is none of a key spoils the record; a pair that was never there does not.
    let pair = match record.pair {
        Some(secret) => Some(pair_of(secret)?),
        None => None,
    };
    let autosign_pair = match record.autosign_pair {
        Some(secret) => Some(pair_of(secret)?),
        None => None,
    };
    let registering = match record.registering {
        Some(pending) => Some(PendingRegistration {
            pair: pair_of(pending.pair)?,
            autosign_pair: match pending.autosign_pair {
                Some(secret) => Some(pair_of(secret)?),
                None => None,
            },
            submission: pending.submission,
        }),
        None => None,
    };
    Some(DeviceKey {
        info: record.info,
        secrets: Secrets::new(match record.material {
            Material::Half(secret) => KeyMaterial::Half(FirstHalf::new(&secret.0)),
            Material::Whole(secret) => KeyMaterial::Whole(MasterKey::new(&secret.0)),
        }),
        pair,
        autosign_pair,
        activating: record.activating.map(|pending| PendingActivation {
            code: pending.code.0,
            submission: pending.submission,
        }),
        registering,
        renewing: record.renewing.map(|pending| PendingRenewal {
            shown: pending.shown.0,
            submission: pending.submission,
        }),
        fingerprint: record.fingerprint,
    })
}

/// An activation code.
struct Code(Zeroizing<String>);

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

/// Thirty-two secret bytes as hex, without a copy that outlives them.
struct Hex32(Zeroizing<[u8; 32]>);

impl Hex32 {
    fn of(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }
}

impl Serialize for Hex32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Zeroizing::new([0; 64]);
        hex::encode_to_slice(*self.0, &mut *text).expect("64 digits hold 32 bytes");
        serializer.serialize_str(std::str::from_utf8(&*text).expect("hex digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Hex32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, &mut *bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}
