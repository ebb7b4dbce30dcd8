import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The Authorization header of a signed request, with what the JDK (17 or newer) has.
 *
 * <p>TUILA_CLIENT=… TUILA_SECRET=… java Sign.java METHOD TARGET [TIMESTAMP NONCE] &lt; BODY
 */
public class Sign {
    private static final HexFormat HEX = HexFormat.of();

    /** Percent escapes decoded, then everything but A-Z a-z 0-9 - . _ ~ encoded. */
    static String canonical(String text) {
        byte[] raw = text.getBytes(StandardCharsets.UTF_8);
        StringBuilder out = new StringBuilder();
        for (int at = 0; at < raw.length; at++) {
            int one = raw[at] & 0xff;
            if (one == '%' && at + 2 < raw.length && isHex(raw[at + 1]) && isHex(raw[at + 2])) {
                one = HexFormat.fromHexDigits(new String(raw, at + 1, 2, StandardCharsets.US_ASCII));
                at += 2;
            }
            boolean plain = one < 128 && (Character.isLetterOrDigit(one) || "-._~".indexOf(one) >= 0);
            out.append(plain ? String.valueOf((char) one) : String.format("%%%02X", one));
        }
        return out.toString();
    }

    static boolean isHex(byte one) {
        return HexFormat.isHexDigit(one);
    }

    static String canonicalPath(String path) {
        String joined = Arrays.stream(path.split("/", -1)).map(Sign::canonical).collect(Collectors.joining("/"));
        return joined.isEmpty() ? "/" : joined;
    }

    static String canonicalQuery(String query) {
        return Arrays.stream(query.split("&"))
                .filter(part -> !part.isEmpty())
                .map(part -> part.replace("+", "%20").split("=", 2))
                .map(pair -> new String[] {canonical(pair[0]), pair.length < 2 ? "" : canonical(pair[1])})
                .sorted(Comparator.comparing((String[] pair) -> pair[0]).thenComparing(pair -> pair[1]))
                .map(pair -> pair[0] + "=" + pair[1])
                .collect(Collectors.joining("&"));
    }

    static byte[] hmac(byte[] key, String message) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(message.getBytes(StandardCharsets.UTF_8));
    }

    static String authorization(
            String client, String secret, String method, String target, byte[] body, String timestamp, String nonce)
            throws Exception {
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark + 1);
        String digest = HEX.formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        String lines = String.join("\n", method, canonicalPath(path), canonicalQuery(query), timestamp, nonce, digest);
        byte[] key = hmac(secret.getBytes(StandardCharsets.UTF_8), "tuila.signing-key.v1");
        return "Tuila-HMAC-SHA256 client=" + client + ", timestamp=" + timestamp + ", nonce=" + nonce
                + ", signature=" + HEX.formatHex(hmac(key, lines));
    }

    public static void main(String[] arguments) throws Exception {
        boolean given = arguments.length > 3;
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        String timestamp = given ? arguments[2] : String.valueOf(System.currentTimeMillis() / 1000);
        String nonce = given ? arguments[3] : HEX.formatHex(random);
        System.out.println(authorization(
                System.getenv("TUILA_CLIENT"), System.getenv("TUILA_SECRET"), arguments[0], arguments[1],
                System.in.readAllBytes(), timestamp, nonce));
    }
}
