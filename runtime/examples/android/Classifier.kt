// A Larq Compute Engine model in an Android app: LiteRT's interpreter in Kotlin, with the engine as its delegate.
package org.larq.igp

import android.content.Context
import java.io.Closeable
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter

/** The engine. Its handle is the TfLiteDelegate that engine_jni.cc makes. */
class BinaryEngine : Delegate, Closeable {
    private var handle = create()

    override fun getNativeHandle(): Long = handle

    override fun close() {
        if (handle != 0L) destroy(handle)
        handle = 0
    }

    private external fun create(): Long

    private external fun destroy(handle: Long)

    companion object {
        init {
            System.loadLibrary("larq_igp_runtime_jni")
        }
    }
}

/** One model of the app's assets. Close it when done; the interpreter goes before the engine. */
class Classifier(context: Context, asset: String, threads: Int = 4) : Closeable {
    private val engine = BinaryEngine()
    private val interpreter: Interpreter

    init {
        val descriptor = context.assets.openFd(asset)
        val model = FileInputStream(descriptor.fileDescriptor).channel.map(
            FileChannel.MapMode.READ_ONLY, descriptor.startOffset, descriptor.declaredLength)
        interpreter = Interpreter(model, Interpreter.Options().addDelegate(engine).setNumThreads(threads))
    }

    /** Scores of one image: red, green, blue of every pixel, row by row, normalised as in training. */
    fun classify(values: FloatArray): FloatArray {
        val input = ByteBuffer.allocateDirect(4 * values.size).order(ByteOrder.nativeOrder())
        input.asFloatBuffer().put(values)
        return scores(input)
    }

    /** Scores of one image for a file that takes pixels (uint8): red, green, blue from 0 to 255. */
    fun classify(pixels: ByteArray): FloatArray {
        val input = ByteBuffer.allocateDirect(pixels.size)
        input.put(pixels).rewind()
        return scores(input)
    }

    private fun scores(input: ByteBuffer): FloatArray {
        val scores = Array(1) { FloatArray(interpreter.getOutputTensor(0).shape()[1]) }
        interpreter.run(input, scores)
        return scores[0]
    }

    override fun close() {
        interpreter.close()
        engine.close()
    }
}
